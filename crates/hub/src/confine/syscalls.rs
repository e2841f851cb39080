//! What Landlock leaves open, closed by filters of system calls: sockets of other kinds than the bridge's own (a session
//! bus or an agent's socket would do things in the person's name), calls that reach into other processes or into the
//! kernel, and the modes, owners and attributes of files that cannot be opened.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Calls that no program of ours needs.
const REFUSED: [i64; 32] = [
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_removexattr,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_setxattr,
    libc::SYS_shmat,
    libc::SYS_shmget,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    SYS_SETXATTRAT,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
];
/// Calls that are taken and do nothing: to change a mode, an owner or times by a file's name. Copies are made with it all the
/// time, and an error would break them; the change itself would reach files outside. By an open file it is made.
const IDLE: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    SYS_FCHMODAT2,
];
// The same numbers on every kind of processor; `libc` does not have all of them everywhere.
const SYS_FCHMODAT2: i64 = 452;
const SYS_SETXATTRAT: i64 = 463;
const SYS_REMOVEXATTRAT: i64 = 466;
const SYS_FILE_SETATTR: i64 = 469;
/// How a process names itself where its limits and its turns are set.
const OWN_PROCESS: u64 = 0;
/// Calls that set the turns of a process (its first argument) on the processors.
const TURNS: [i64; 4] = [
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
];
/// That the second argument of `ioprio_set` names a process; `libc` does not have it.
const IOPRIO_WHO_PROCESS: u64 = 1;
/// What makes a new process one with a world of its own.
const WORLDS: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];
/// The kind of a socket without its flags.
const KIND_MASK: u64 = 0xf;
/// The oldest way to raw packets; `libc` has it only as a deprecated name.
const SOCK_PACKET: i32 = 10;
/// Where x86-64 has its calls a second time, as those of x32.
const X32: i64 = 0x4000_0000;

/// Restricts this thread and all that it becomes and starts.
///
/// # Errors
/// When the kernel does not take the filter, for people.
pub(super) fn restrict() -> Result<(), String> {
    let refuse = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    apply(&refused().map_err(wrong)?, refuse)?;
    let mut idle: Rules = IDLE.iter().map(|call| (*call, Vec::new())).collect();
    // Without a name it is the times of an open file.
    let by_name = SeccompCondition::new(1, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0);
    let by_name = SeccompRule::new(vec![by_name.map_err(wrong)?]).map_err(wrong)?;
    idle.insert(libc::SYS_utimensat, vec![by_name]);
    apply(&idle, SeccompAction::Errno(0))?;
    // What it asks for cannot be looked at; told that it is not there, the C library makes processes by `clone`.
    let unknown = Rules::from([(libc::SYS_clone3, Vec::new())]);
    apply(&unknown, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()))
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn apply(rules: &Rules, action: SeccompAction) -> Result<(), String> {
    let mut all = rules.clone();
    if cfg!(target_arch = "x86_64") {
        let again = rules.iter();
        all.extend(again.map(|(call, rules)| (call | X32, rules.clone())));
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(wrong)?;
    let filter = SeccompFilter::new(all, SeccompAction::Allow, action, arch).map_err(wrong)?;
    let filter = BpfProgram::try_from(filter).map_err(wrong)?;
    seccompiler::apply_filter(&filter)
        .map_err(|error| format!("the kernel refuses the filter of system calls: {error}"))
}

fn wrong(error: BackendError) -> String {
    format!("the filter of system calls is wrong: {error}")
}

fn refused() -> Result<Rules, BackendError> {
    let mut rules: Rules = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, other_sockets()?);
    // A pair of datagram sockets can send to others as well.
    rules.insert(
        libc::SYS_socketpair,
        vec![of_kind(libc::SOCK_DGRAM)?, of_kind(libc::SOCK_RAW)?],
    );
    let is_not = |at: u8, value: u64| Ok(vec![argument(at, SeccompCmpOp::Ne, value)?]);
    for call in TURNS.into_iter().chain([libc::SYS_prlimit64]) {
        rules.insert(call, vec![SeccompRule::new(is_not(0, OWN_PROCESS)?)?]);
    }
    for (call, own_kind) in [
        (libc::SYS_setpriority, u64::from(libc::PRIO_PROCESS)),
        (libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS),
    ] {
        let other = [is_not(0, own_kind)?, is_not(1, OWN_PROCESS)?];
        let other = other.into_iter().map(SeccompRule::new);
        rules.insert(call, other.collect::<Result<_, _>>()?);
    }
    let worlds = WORLDS.iter().map(|world| {
        let flag = u64::from(world.unsigned_abs());
        SeccompRule::new(vec![argument(0, SeccompCmpOp::MaskedEq(flag), flag)?])
    });
    rules.insert(libc::SYS_clone, worlds.collect::<Result<_, _>>()?);
    Ok(rules)
}

fn argument(at: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(at, SeccompCmpArgLen::Dword, op, value)
}

/// All but TCP over IPv4, which is how a bridge dials.
fn other_sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let domain = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Ne,
        u64::from(libc::AF_INET.unsigned_abs()),
    )?;
    // TCP by its number or as what such a socket is; another one (MPTCP) would pass the rules for TCP.
    let protocol = |own: i32| argument(2, SeccompCmpOp::Ne, u64::from(own.unsigned_abs()));
    let mut rules = vec![
        SeccompRule::new(vec![domain])?,
        SeccompRule::new(vec![protocol(0)?, protocol(libc::IPPROTO_TCP)?])?,
    ];
    for kind in [
        libc::SOCK_DGRAM,
        libc::SOCK_RAW,
        libc::SOCK_RDM,
        libc::SOCK_SEQPACKET,
        libc::SOCK_DCCP,
        SOCK_PACKET,
    ] {
        rules.push(of_kind(kind)?);
    }
    Ok(rules)
}

fn of_kind(kind: i32) -> Result<SeccompRule, BackendError> {
    let kind = SeccompCondition::new(
        1,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(KIND_MASK),
        u64::from(kind.unsigned_abs()),
    )?;
    SeccompRule::new(vec![kind])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    /// The filter holds for a thread, so a thread of its own tries it.
    #[test]
    fn only_the_sockets_of_a_bridge_are_left() {
        let dir = tempfile::tempdir().unwrap();
        let bus = dir.path().join("bus");
        let _bus = UnixListener::bind(&bus).unwrap();
        let hub = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = hub.local_addr().unwrap();
        let tried = std::thread::spawn(move || {
            super::restrict().unwrap();
            [
                TcpStream::connect(address).is_ok(),
                UnixStream::pair().is_ok(),
                UnixStream::connect(&bus).is_ok(),
                UnixDatagram::unbound().is_ok(),
                UnixDatagram::pair().is_ok(),
                UdpSocket::bind("127.0.0.1:0").is_ok(),
                TcpListener::bind("[::1]:0").is_ok(),
            ]
        });
        let expected = [true, true, false, false, false, false, false];
        assert_eq!(tried.join().unwrap(), expected);
    }

    #[test]
    fn a_mode_is_not_changed_by_a_name_and_a_copy_is_made_all_the_same() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (path, copy) = (dir.path().join("token"), dir.path().join("copy"));
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (of_path, of_copy) = (path.clone(), copy.clone());
        let tried = std::thread::spawn(move || {
            super::restrict().unwrap();
            fs::set_permissions(&of_path, fs::Permissions::from_mode(0o666)).unwrap();
            fs::copy(&of_path, &of_copy).unwrap();
        });
        tried.join().unwrap();
        assert_eq!((mode(&path), mode(&copy)), (0o600, 0o600));
    }
}
