//! A line for each key, as it may stand in a file.

use super::super::keys::{KEYS, Key, Place};

/// Returns how a key is written; empty where nobody wrote an example.
pub(super) fn example(key: &Key) -> &'static str {
    match (key.places[0], key.name) {
        (Place::Top, name) => top(name),
        (Place::Task, name) => task(name),
        (
            Place::Retry
            | Place::Kill
            | Place::Records
            | Place::Param
            | Place::Resources
            | Place::Defaults,
            name,
        ) => inner(key.places[0], name),
    }
}

/// Returns a key with a value, as it may stand in the map that it belongs to.
pub(crate) fn sample(name: &str) -> Option<String> {
    let key = KEYS.iter().find(|key| key.name == name)?;
    let line = example(key);
    let start = format!("{name}: ");
    if line.starts_with(&start) {
        return Some(line.to_owned());
    }
    // `codes` of `retry: {max: 3, codes: [75, 143]}`.
    let rest =
        &line[line.find(&format!("{{{start}")).or_else(|| line.find(&format!(" {start}")))? + 1..];
    let end = match rest.contains(": [") {
        true => rest.find(']')? + 1,
        false => rest.find([',', '}'])?,
    };
    Some(rest[..end].to_owned())
}

fn top(name: &str) -> &'static str {
    match name {
        "version" => "version: 1",
        "name" => "name: release",
        "description" => "description: Builds and publishes a release",
        "params" => "params: {mode: fast}",
        "env" => "env: {LEVEL: debug}",
        "env_file" => "env_file: [base.env?, local.env?]",
        "inherit_env" => "inherit_env: [LANG, SSH_AUTH_SOCK]",
        "secrets" => "secrets: [TOKEN]",
        "defaults" => "defaults: {timeout: 10m}",
        "default" => "default: [build]",
        "graph" => "graph: build >> (test & docs) >> package",
        "tasks" => "tasks: {hello: echo hi}",
        "jobs" => "jobs: 4",
        "pools" => "pools: {gpu: 2}",
        "on_failure" => "on_failure: isolate",
        "finally" => "finally: {clean: rm -rf tmp}",
        "timeout" => "timeout: 1h",
        "grace" => "grace: 5s",
        "records" => "records: {keep_runs: 20}",
        _ => "",
    }
}

fn task(name: &str) -> &'static str {
    match name {
        "run" => "run: make all",
        "cmd" => "cmd: [make, all]",
        "needs" => "needs: [build, docs]",
        "needs_any" => "needs_any: [mirror-a, mirror-b]",
        "if" => "if: params.deploy",
        "matrix" => "matrix: {py: [3.11, 3.12]}",
        "dir" => "dir: src",
        "shell" => "shell: bash",
        "timeout" => "timeout: 10m",
        "retry" => "retry: 3",
        "fail" => "fail: continue",
        "ok_codes" => "ok_codes: [0, 3]",
        "stdin" => "stdin: some text",
        "interactive" => "interactive: true",
        "pool" => "pool: {gpu: 2}",
        "tags" => "tags: [linux]",
        "resources" => "resources: {cpus: 4, memory: 8GiB}",
        "kill" => "kill: {signal: INT, after: 30s}",
        "on_cancel" => "on_cancel: stop",
        "outputs" => "outputs: [version]",
        "capture" => "capture: version",
        "artifacts" => "artifacts: [dist/*.tar.gz]",
        _ => "",
    }
}

fn inner(place: Place, name: &str) -> &'static str {
    match (place, name) {
        (Place::Kill, "signal") => "kill: {signal: INT}",
        (Place::Kill, "after") => "kill: {after: 30s}",
        (Place::Records, "keep_runs") => "records: {keep_runs: 20}",
        (Place::Records, "keep_for") => "records: {keep_for: 30d}",
        (Place::Records, "max_log") => "records: {max_log: 1GiB}",
        (Place::Retry, "max") => "retry: {max: 3}",
        (Place::Retry, "delay") => "retry: {max: 3, delay: 5s}",
        (Place::Retry, "backoff") => "retry: {max: 3, backoff: 1.5}",
        (Place::Retry, "max_delay") => "retry: {max: 9, max_delay: 5m}",
        (Place::Retry, "codes") => "retry: {max: 3, codes: [75, 143]}",
        (Place::Param, "type") => "params: {level: {type: int, default: 3}}",
        (Place::Param, "values") => {
            "params: {mode: {type: enum, values: [fast, safe], default: fast}}"
        }
        (Place::Param, "default") => "params: {mode: {default: fast}}",
        (Place::Param, "description") => {
            "params: {mode: {default: fast, description: How it is built}}"
        }
        (Place::Param, "required") => "params: {target: {required: true}}",
        (Place::Resources, "cpus") => "resources: {cpus: 4}",
        (Place::Resources, "memory") => "resources: {memory: 8GiB}",
        (Place::Resources, "time") => "resources: {time: 2h}",
        (Place::Resources, "gpus") => "resources: {gpus: 1}",
        _ => "",
    }
}
