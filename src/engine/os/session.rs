//! Sessions: which one a process is in, and the start of a program in one of its own.
//!
//! The start is by `posix_spawn`. What the standard library lacks is the session, and a mask of blocked
//! signals for the time until the program can speak for itself; what it has, code that runs between
//! `fork` and `exec`, would leave a moment in which a signal for us reaches our handlers twice.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use rustix::process::{Pid, getpgid};

use crate::engine::signal_mask::SignalSet;

/// Takes the mask of the attributes. This and the next as `<spawn.h>` has them: the `libc` crate has
/// them as different types in its versions, and not all for macOS.
const POSIX_SPAWN_SETSIGMASK: libc::c_short = 0x08;
/// Makes a session for the new process.
#[cfg(target_os = "linux")]
const POSIX_SPAWN_SETSID: libc::c_short = 0x80;
#[cfg(not(target_os = "linux"))]
const POSIX_SPAWN_SETSID: libc::c_short = 0x400;

/// Returns the number of the session that a process is in; `None` asks for our own. It is 0 where who
/// leads the session is outside of our namespace.
#[expect(unsafe_code, reason = "the wrapper at hand takes 0 for impossible")]
pub(in crate::engine) fn session_of(pid: Option<Pid>) -> io::Result<i32> {
    // SAFETY: a call with a number, which touches no memory.
    let session = unsafe { libc::getsid(Pid::as_raw(pid)) };
    if session < 0 { Err(io::Error::last_os_error()) } else { Ok(session) }
}

/// Returns whether a group has its leader, and in this session. That is all that can be known of a
/// group without a `/proc` that speaks of it.
pub(super) fn is_led_in(session: i32, leader: Pid) -> bool {
    getpgid(Some(leader)) == Ok(leader)
        && session_of(Some(leader)).is_ok_and(|found| found == session)
}

const NULL_DEVICE: &CStr = c"/dev/null";

/// Starts `words` as the program at `path`, in a session of its own, with these signals blocked.
/// It reads `stdin`; the two other standard descriptors lead to nowhere.
pub(in crate::engine) fn spawn_apart(
    path: &Path,
    words: &[&str],
    env: &[(OsString, OsString)],
    stdin: BorrowedFd<'_>,
    blocked: &[i32],
) -> io::Result<Pid> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let words = words.iter().map(|word| CString::new(*word)).collect::<Result<Vec<_>, _>>()?;
    // What no environment can hold is left out.
    let env: Vec<CString> = env.iter().filter_map(|(name, value)| variable(name, value)).collect();
    let mut argv: Vec<_> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    let mut envp: Vec<_> = env.iter().map(|variable| variable.as_ptr().cast_mut()).collect();
    argv.push(ptr::null_mut());
    envp.push(ptr::null_mut());
    let actions = Actions::new(stdin)?;
    let attributes = Attributes::new(blocked)?;
    let mut pid = 0;
    #[expect(unsafe_code, reason = "the standard library cannot start a session")]
    // SAFETY: all pointers are to live values; the lists end with a null, and the texts they point to
    // outlive the call.
    let result = unsafe {
        let (actions, attributes) = (&raw const actions.0, &raw const attributes.0);
        let (argv, envp) = (argv.as_ptr(), envp.as_ptr());
        libc::posix_spawn(&raw mut pid, path.as_ptr(), actions, attributes, argv, envp)
    };
    checked(result)?;
    Pid::from_raw(pid).ok_or_else(|| io::Error::other("no process"))
}

fn variable(name: &OsStr, value: &OsStr) -> Option<CString> {
    CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
}

/// These calls return the error itself.
fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

/// What is done with the descriptors of the new process.
struct Actions(libc::posix_spawn_file_actions_t);

#[expect(unsafe_code, reason = "the standard library cannot start a session")]
impl Actions {
    fn new(stdin: BorrowedFd<'_>) -> io::Result<Actions> {
        // SAFETY: plain C data, for which all zeroes are a value; it is initialised before its use,
        // and the texts are copied by the calls.
        unsafe {
            let mut actions = Actions(std::mem::zeroed());
            checked(libc::posix_spawn_file_actions_init(&raw mut actions.0))?;
            let stdin = stdin.as_raw_fd();
            checked(libc::posix_spawn_file_actions_adddup2(&raw mut actions.0, stdin, 0))?;
            for descriptor in [1, 2] {
                checked(libc::posix_spawn_file_actions_addopen(
                    &raw mut actions.0,
                    descriptor,
                    NULL_DEVICE.as_ptr(),
                    libc::O_WRONLY,
                    0,
                ))?;
            }
            Ok(actions)
        }
    }
}

impl Drop for Actions {
    #[expect(unsafe_code, reason = "the standard library cannot start a session")]
    fn drop(&mut self) {
        // SAFETY: initialised, or all zeroes where that failed, which holds nothing to free.
        unsafe {
            libc::posix_spawn_file_actions_destroy(&raw mut self.0);
        }
    }
}

/// How the new process differs from ours.
struct Attributes(libc::posix_spawnattr_t);

#[expect(unsafe_code, reason = "the standard library cannot start a session")]
impl Attributes {
    fn new(blocked: &[i32]) -> io::Result<Attributes> {
        // SAFETY: plain C data, for which all zeroes are a value; it is initialised before its use.
        unsafe {
            let mut attributes = Attributes(std::mem::zeroed());
            checked(libc::posix_spawnattr_init(&raw mut attributes.0))?;
            let mask = SignalSet::of(blocked);
            checked(libc::posix_spawnattr_setsigmask(&raw mut attributes.0, mask.as_ptr()))?;
            let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
            checked(libc::posix_spawnattr_setflags(&raw mut attributes.0, flags))?;
            Ok(attributes)
        }
    }
}

impl Drop for Attributes {
    #[expect(unsafe_code, reason = "the standard library cannot start a session")]
    fn drop(&mut self) {
        // SAFETY: initialised, or all zeroes where that failed, which holds nothing to free.
        unsafe {
            libc::posix_spawnattr_destroy(&raw mut self.0);
        }
    }
}
