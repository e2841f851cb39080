//! What Landlock leaves open, closed by filters of system calls: sockets of other kinds than the bridge's own (a session
//! bus or an agent's socket would do things in the person's name), calls that reach into other processes or into the
//! kernel, and the modes, owners and attributes of files that cannot be opened.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Calls that no program of ours needs.
const REFUSED: [i64; 30] = [
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
/// Calls that are taken and do nothing: to change a mode or an owner by a file's name. Copies are made with it all the
/// time, and an error would break them; the change itself would reach files outside. By an open file it is made.
const IDLE: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    SYS_FCHMODAT2,
];
// The same numbers on every kind of processor; `libc` does not have all of them everywhere.
const SYS_FCHMODAT2: i64 = 452;
const SYS_SETXATTRAT: i64 = 463;
const SYS_REMOVEXATTRAT: i64 = 466;
const SYS_FILE_SETATTR: i64 = 469;
/// How a process names itself where its limits are set.
const OWN_PROCESS: u64 = 0;
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
    let idle: Rules = IDLE.iter().map(|call| (*call, Vec::new())).collect();
    apply(&idle, SeccompAction::Errno(0))
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
    let of_another =
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, OWN_PROCESS)?;
    rules.insert(
        libc::SYS_prlimit64,
        vec![SeccompRule::new(vec![of_another])?],
    );
    Ok(rules)
}

/// All but TCP over IPv4, which is how a bridge dials.
fn other_sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let domain = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Ne,
        u64::from(libc::AF_INET.unsigned_abs()),
    )?;
    let mut rules = vec![SeccompRule::new(vec![domain])?];
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
