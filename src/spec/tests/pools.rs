//! `pools`, `pool`, `tags` and `resources`: what they mean, and what is wrong with them.

use super::*;
use crate::model::{PoolId, Resources, Slots};

fn wrong(text: &str, expected: &str) {
    lines(text, &[expected]);
}

/// The same for a file with a task that holds what this says of the pool `gpu`, which has 2 slots.
fn pool(value: &str, expected: &str) {
    wrong(
        &format!(
            "pools: {{gpu: 2}}\ntasks:\n  b: {{run: x, pool: gpu}}\n  a: {{run: x, pool: {value}}}\n"
        ),
        expected,
    );
}

/// The same for a file whose pool `gpu` has these slots, one of which a task holds.
fn slots(value: &str, expected: &str) {
    wrong(&format!("pools: {{gpu: {value}}}\ntasks: {{a: {{run: x, pool: gpu}}}}\n"), expected);
}

#[test]
fn both_syntaxes_say_the_same() {
    let yaml = "\
pools: {gpu: 2, port: [8001, '08002', a b]}
tasks:
  a: {run: x, pool: gpu}
  b: {run: x, pool: [port, gpu]}
  c: {run: x, pool: {port: 3}, tags: [linux, 3.10], resources: {cpus: 4, memory: 2GiB, time: 1h, gpus: 1}}
  d: {run: x, pool: gpu}
";
    let toml = "\
pools = {gpu = 2, port = [8001, '08002', 'a b']}
[tasks]
a = {run = 'x', pool = 'gpu'}
b = {run = 'x', pool = ['port', 'gpu']}
c = {run = 'x', pool = {port = 3}, tags = ['linux', 3.10], resources = {cpus = 4, memory = '2GiB', time = '1h', gpus = 1}}
d = {run = 'x', pool = 'gpu'}
";
    for flow in [flow(yaml, Syntax::Yaml), flow(toml, Syntax::Toml)] {
        let pools: Vec<(&str, &Slots)> =
            flow.pools().iter().map(|pool| (&*pool.name, &pool.slots)).collect();
        let ports = Slots::Named(["8001".into(), "08002".into(), "a b".into()].into());
        assert_eq!(pools, [("gpu", &Slots::Numbered(2)), ("port", &ports)]);
        let options = |index: usize| flow.tasks()[index].options();
        let (gpu, port) = (PoolId(0), PoolId(1));
        assert_eq!(*options(0).pools, [(gpu, 1)]);
        assert_eq!(*options(1).pools, [(gpu, 1), (port, 1)]);
        assert_eq!(*options(2).pools, [(port, 3)]);
        assert_eq!(*options(2).tags, ["linux".into(), "3.10".into()]);
        let (memory, time) = (Some(Size(2 << 30)), Some(Ms::secs(3600)));
        let expected = Resources { cpus: Some(4), memory, time, gpus: Some(1) };
        assert_eq!(options(2).resources, expected);
        assert!(std::ptr::eq(options(0), options(3)), "what is the same is kept once");
    }
}

#[test]
fn the_builder_says_the_same_as_a_file() {
    let task = TaskBuilder::run("a", "x").pool("gpu", 1).pool("port", 2).pool("port", 1);
    let task = task.cpus(2).memory("1GiB").time("1m").gpus(0).tags(["linux"]);
    let flow = FlowBuilder::new("f").pool("gpu", 2).pool_of("port", ["8001", "a"]).task(task);
    let flow = flow.build().expect("it is sound");
    assert_eq!(*flow.tasks()[0].options().pools, [(PoolId(0), 1), (PoolId(1), 1)]);
    assert_eq!(flow.pools()[1].slots.texts(&[0, 1]), "8001,a");
    assert_eq!(flow.tasks()[0].options().resources.cpus, Some(2));
    let wrong = FlowBuilder::new("f").pool("gpu", 2);
    let wrong = wrong.task(TaskBuilder::run("a", "x").pool("gpu", 3)).build().expect_err("3 of 2");
    assert_eq!(wrong[0].to_string(), "`a` wants 3 slots of the pool `gpu`, which has 2");
}

#[test]
fn a_pool_has_a_name_and_slots() {
    slots("0", "1:14 wrong-value `gpu` takes a whole number from 1 to 10000; for example `gpu: 1`");
    slots(
        "-1",
        "1:14 wrong-value `gpu` takes a whole number from 1 to 10000; for example `gpu: 1`",
    );
    slots(
        "1.5",
        "1:14 wrong-value `gpu` takes a whole number from 1 to 10000; for example `gpu: 1`",
    );
    slots(
        "'2'",
        "1:14 wrong-type `gpu` takes a whole number from 1 to 10000; write it without quotes: `gpu: 2`",
    );
    slots(
        "big",
        "1:14 wrong-value `gpu` takes a number of slots, or a list of texts; write `gpu: [big]` for one slot, or `gpu: 2` for two",
    );
    slots(
        "''",
        "1:14 wrong-value `gpu` takes a number of slots, or a list of texts; write `gpu: [a]` for one slot, or `gpu: 2` for two",
    );
    slots(
        "{a: 1}",
        "1:14 wrong-type `gpu` takes a number of slots, or a list of texts, not a map; write `gpu: 2`, or `gpu: [a, b]`",
    );
    slots(
        "~",
        "1:14 wrong-type `gpu` takes a number of slots, or a list of texts, not an empty value; write `gpu: 2`, or `gpu: [a, b]`",
    );
    slots(
        "[]",
        "1:14 pool `gpu` has no slot: no task could ever run with it; write one text for each slot (`gpu: [a, b]`), or their number",
    );
    slots(
        "[a, b, a]",
        "1:21 pool the slot `a` of `gpu` is there twice; remove one of the two: two tasks would hold the same",
    );
    slots(
        "[a, 'b,c']",
        "1:18 pool a slot of `gpu` holds a `,`, which separates the slots that a task holds; write each slot as a text of its own, or use another character",
    );
    slots("['']", "1:15 pool a slot of `gpu` is empty; write a text that says which one it is");
    slots(
        "[\"a\\n\"]",
        "1:15 pool a slot of `gpu` holds a control character; write one short line",
    );
    slots("[[a]]", "1:15 wrong-type a slot of `gpu` cannot be a list; write one text for each");
    slots("[a, ~]", "1:18 pool a slot of `gpu` is empty; write a text that says which one it is");
    slots(
        "['${{ params.x }}']",
        "1:15 expression `${{ … }}` has no meaning in `pools`; write the value itself: expressions stand in `if`, `env`, `env_file`, `dir`, `timeout`, `pool`, `artifacts`, and as a whole list in `matrix`",
    );
    let many: Vec<String> = (0..10_001).map(|slot| format!("s{slot}")).collect();
    let said = short(
        &format!("pools: {{gpu: [{}]}}\ntasks: {{a: {{run: x, pool: gpu}}}}\n", many.join(",")),
        Syntax::Yaml,
    );
    assert!(said[0].contains("`gpu` has more than 10000 slots"), "{said:?}");
    let long = "x".repeat(70_000);
    let said = short(
        &format!("pools: {{gpu: [{long}]}}\ntasks: {{a: {{run: x, pool: gpu}}}}\n"),
        Syntax::Yaml,
    );
    assert!(said[0].contains("the texts of all slots are longer than 64 KiB"), "{said:?}");
}

#[test]
fn pools_are_a_map_of_names() {
    wrong(
        "pools: [gpu]\ntasks: {a: {run: x, pool: gpu}}\n",
        "1:8 wrong-type `pools` takes a map of names to slots, not a list; write `pools: {gpu: 2}`",
    );
    wrong(
        "pools: gpu\ntasks: {a: x}\n",
        "1:8 wrong-type `pools` takes a map of names to slots, not a single value; write `pools: {gpu: 2}`",
    );
    wrong(
        "pools: {'9': 1}\ntasks: {a: {run: x, pool: '9'}}\n",
        "1:9 pool-name the pool's name `9` does not begin with a letter; begin it with a letter or `_`",
    );
    wrong(
        "pools: {gpu-a: 1, GPU.a: 1}\ntasks: {a: {run: x, pool: [gpu-a, GPU.a]}}\n",
        "1:19 pool-name `gpu-a` and `GPU.a` would both be `PYOCO_POOL_GPU_A` in a task; give one of them another name",
    );
    wrong(
        "pools: {gpu: 1}\ntasks: {a: x}\n",
        "1:9 unused-pool no task uses the pool `gpu`; write `pool: gpu` in a task, or remove it",
    );
    flow("pools: {gpu: 1}\ntasks: {a: x}\nfinally: {b: {run: x, pool: gpu}}\n", Syntax::Yaml);
    flow("pools: {}\ntasks: {a: x}\n", Syntax::Yaml);
    let many: Vec<String> = (0..1_001).map(|pool| format!("p{pool}: 1")).collect();
    let said = short(
        &format!("pools: {{{}}}\ntasks: {{a: {{run: x, pool: p1}}}}\n", many.join(", ")),
        Syntax::Yaml,
    );
    assert!(said.len() == 1 && said[0].contains("the file has more than 1000 pools"), "{said:?}");
}

#[test]
fn a_task_holds_slots_of_pools_that_there_are() {
    pool("gpy", "4:21 unknown-pool unknown pool `gpy`; did you mean `gpu`?; write `gpu`");
    pool("disk", "4:21 unknown-pool unknown pool `disk`; the only pool is `gpu`");
    pool("2", "4:21 unknown-pool unknown pool `2`; say of which pool: `pool: {NAME: 2}`");
    pool("''", "4:21 unknown-pool unknown pool ``; the only pool is `gpu`");
    pool("", "4:15 no-value `pool` has no value; give it one, or remove the key");
    pool("[]", "4:21 empty `pool` is empty; name a pool, or remove the key");
    pool("{}", "4:21 empty `pool` is empty; name a pool, or remove the key");
    pool(
        "[gpu, gpu]",
        "4:27 pool the pool `gpu` is there twice; write `pool: {gpu: 2}` for two slots of it",
    );
    pool(
        "[{gpu: 2}]",
        "4:22 wrong-type a name in `pool` cannot be a map; write `pool: [gpu, disk]`, or with numbers `pool: {gpu: 2, disk: 1}`",
    );
    pool(
        "{gpu: 3}",
        "4:27 pool `a` wants 3 slots of the pool `gpu`, which has 2; write at most `gpu: 2`, or give the pool more",
    );
    pool(
        "{gpu: 0}",
        "4:27 wrong-value `gpu` takes a whole number from 1 to 10000; for example `gpu: 1`",
    );
    pool(
        "{gpu: [a]}",
        "4:27 wrong-type `gpu` takes a whole number from 1 to 10000, not a list; for example `gpu: 1`",
    );
    pool("{gpi: 1}", "4:22 unknown-pool unknown pool `gpi`; did you mean `gpu`?; write `gpu`");
    pool(
        "'${{ params.x }}'",
        "4:33 unknown-name unknown param `x`; declare it: `params: {x: DEFAULT}`",
    );
    wrong(
        "tasks: {a: {run: x, pool: gpu}}\n",
        "1:27 unknown-pool unknown pool `gpu`: the file has no `pools`; write at the top level `pools: {gpu: 1}`",
    );
    let toml = "[pools]\ngpu = 2\n[tasks.b]\nrun = 'x'\npool = 'gpu'\n[tasks.a]\nrun = 'x'\npool = {gpu = 3}\n";
    assert_eq!(
        short(toml, Syntax::Toml),
        [
            "8:15 pool `a` wants 3 slots of the pool `gpu`, which has 2; write at most `gpu = 2`, or give the pool more"
        ],
    );
    check(
        "pools: {gpu: 1}\ntasks:\n  a: {run: x, pool: {gpu: 2}}\n",
        "
error[E0322]: `a` wants 2 slots of the pool `gpu`, which has 1
 --> f.yaml:3:27
  |
3 |   a: {run: x, pool: {gpu: 2}}
  |                           ^ never free together
  |
 ::: f.yaml:1:9
  |
1 | pools: {gpu: 1}
  |         --- 1 slot
  |
  = help: write at most `gpu: 1`, or give the pool more

error: 1 error in f.yaml
",
    );
    task(
        "run: x\npools: {gpu: 1}",
        &["4:5 unknown-key unknown key `pools` in a task; did you mean `pool`?; write `pool`"],
    );
    wrong(
        "pool: {gpu: 1}\ntasks: {a: x}\n",
        "1:1 unknown-key unknown key `pool` at the top level; did you mean `pools`?; write `pools`",
    );
}

#[test]
fn tags_are_words() {
    task(
        "run: x\ntags: gpu",
        &["4:11 wrong-type `tags` takes a list of texts, not a single value; write `tags: [gpu]`"],
    );
    task("run: x\ntags: [a, a]", &["4:15 tag the tag `a` is there twice; remove one of the two"]);
    task("run: x\ntags: ['']", &["4:12 tag a tag is empty; write one short word for each tag"]);
    task(
        "run: x\ntags: [a b]",
        &[
            "4:12 tag the tag `a b` holds a `,`, white space or a control character; write one word for each tag: `tags: [a, b]`",
        ],
    );
    task(
        "run: x\ntags: [{a: 1}]",
        &["4:12 wrong-type a tag cannot be a map; write one text for each"],
    );
}

#[test]
fn resources_have_units() {
    let check =
        |value: &str, expected: &str| task(&format!("run: x\nresources: {value}"), &[expected]);
    check(
        "4",
        "4:16 wrong-type `resources` takes a map with `cpus`, `memory`, `time` and `gpus`, not a single value; write `resources: {cpus: 4, memory: 2GiB}`",
    );
    check(
        "{cpus: 0}",
        "4:23 wrong-value `cpus` takes a whole number from 1 to 10000; for example `cpus: 4`",
    );
    check(
        "{gpus: -1}",
        "4:23 wrong-value `gpus` takes a whole number from 0 to 10000; for example `gpus: 1`",
    );
    check(
        "{memory: 4}",
        "4:25 size `4` is not a size; give it a unit: `4B` for bytes, `4MiB` for 1024 times 1024 of them",
    );
    check(
        "{memory: 0B}",
        "4:25 wrong-value `memory` is zero, with which nothing can run; write more, or remove the key",
    );
    check(
        "{time: 5}",
        "4:23 duration `5` is not a duration; give it a unit: `5s` for seconds, `5m` for minutes",
    );
    check(
        "{time: 0s}",
        "4:23 wrong-value `time` is zero, with which nothing can run; write more, or remove the key",
    );
    check(
        "{cpu: 2}",
        "4:17 unknown-key unknown key `cpu` in `resources`; did you mean `cpus`?; write `cpus`",
    );
    task(
        "run: x\nmemory: 2GiB",
        &["4:5 unknown-key unknown key `memory` in a task; `memory` stands in `resources`"],
    );
    wrong(
        "jobs: 2\ntasks: {a: {run: x, resources: {cpus: 3}}}\n",
        "2:39 more-than-jobs `cpus: 3` is more than `jobs: 2`; the task holds all slots and runs alone: write `cpus: 2`, or a larger `jobs`",
    );
}
