//! What the processes of the system are doing, as `/proc` tells: which there are, at little cost, and
//! more of one of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::Pid;

use super::super::{Closer, Process};
use super::proc::{self, Stat};
use crate::model::{Mask, Ms, escape, shell_word};

/// How much of a command line is read, in bytes.
const MAX_COMMAND: u64 = 4096;

/// Returns the processes of the system, without those that come or go meanwhile.
pub(in crate::engine) fn processes(_leader: Pid) -> io::Result<Vec<Process>> {
    fs::read_dir("/proc")?; // without it there is nothing to see, which is worth saying
    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    let number = |pid: Pid| pid.as_raw_nonzero().get().cast_unsigned();
    let look = |pid: Pid| {
        let stat = Stat::of(pid)?;
        Some(Process {
            pid: number(pid),
            parent: stat.parent,
            group: stat.group.map_or(0, number),
            name: stat.name,
            state: Some(stat.state),
            cpu: Some(Ms(stat.cpu.saturating_mul(1000) / ticks_per_second)),
            n_threads: stat.n_threads,
        })
    };
    Ok(proc::all().filter_map(look).collect())
}

/// Returns more of a process; what cannot be read, because it is gone or not ours, is left out.
///
/// Can hang: the command line lies in the memory of the process, which the kernel may have locked.
pub(in crate::engine) fn look_closer(pid: u32, mask: &Arc<Mask>) -> Closer {
    let dir = PathBuf::from(format!("/proc/{pid}"));
    let waits_in = fs::read_to_string(dir.join("wchan")).ok();
    let call = fs::read_to_string(dir.join("syscall")).ok();
    Closer {
        waits_in: waits_in.filter(|name| !name.is_empty() && name != "0"),
        call: call.and_then(|call| descriptor_call(&dir, &call, mask)),
        command: command(&dir, mask),
    }
}

/// Returns the call that a process is in, if it is about a descriptor: `read of fd 0, pipe:[123]`.
fn descriptor_call(process: &Path, call: &str, mask: &Mask) -> Option<String> {
    let mut words = call.split_whitespace();
    let name = name_of(words.next()?.parse().ok()?)?;
    let argument = words.next()?.strip_prefix("0x")?;
    let descriptor = u64::from_str_radix(argument, 16).ok()?;
    let target = fs::read_link(process.join(format!("fd/{descriptor}"))).ok();
    let target = target.map_or(String::new(), |target| format!(", {}", target.display()));
    Some(format!("{name} of fd {descriptor}{}", mask.text(&target)))
}

/// Returns the name of a call that takes a descriptor first and can wait for long.
fn name_of(call: libc::c_long) -> Option<&'static str> {
    let names = [
        (libc::SYS_read, "read"),
        (libc::SYS_readv, "readv"),
        (libc::SYS_recvfrom, "recvfrom"),
        (libc::SYS_recvmsg, "recvmsg"),
        (libc::SYS_write, "write"),
        (libc::SYS_writev, "writev"),
        (libc::SYS_accept4, "accept4"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_flock, "flock"),
        (libc::SYS_fcntl, "fcntl"),
        (libc::SYS_fsync, "fsync"),
        (libc::SYS_fdatasync, "fdatasync"),
    ];
    names.iter().find(|(number, _)| *number == call).map(|(_, name)| *name)
}

/// Returns the words of a process's command line as one would type them, harmless.
fn command(process: &Path, mask: &Arc<Mask>) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(process.join("cmdline")).ok()?.take(MAX_COMMAND).read_to_end(&mut bytes).ok()?;
    let is_cut = bytes.len() as u64 == MAX_COMMAND;
    // Before anything is quoted or cut; of a value that was cut here the beginning goes too.
    let mut stream = mask.stream();
    let mut bytes = stream.push(&bytes).to_vec();
    if !is_cut {
        bytes.extend_from_slice(stream.finish());
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if bytes.is_empty() {
        return None; // a zombie, or a thread of the kernel
    }
    let words: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .map(|word| shell_word(&String::from_utf8_lossy(word)).into_owned())
        .collect();
    let command = escape(&words.join(" ")).into_owned();
    Some(if is_cut { command + " …" } else { command })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_find_ourselves() {
        let own = std::process::id();
        let pid = Pid::from_raw(own.cast_signed()).expect("no process has the number 0");
        let all = processes(pid).expect("there is a /proc");
        let ours = all.iter().find(|process| process.pid == own).expect("we live");
        assert_eq!(ours.parent, std::os::unix::process::parent_id());
        let first = std::env::args().next().expect("a program has a name");
        let command = look_closer(own, &Arc::default()).command.expect("it can be read");
        assert!(command.contains(&*escape(&shell_word(&first))), "{command}");
    }
}
