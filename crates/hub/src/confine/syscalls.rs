//! What Landlock leaves open, closed by a filter of system calls: sockets of other kinds than the bridge's own (a session
//! bus or an agent's socket would do things in the person's name), and calls that reach into other processes or into the
//! kernel. Files are none of its business.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Calls that no program of ours needs.
const REFUSED: [i64; 21] = [
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
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
    let filter =
        filter().map_err(|error| format!("the filter of system calls is wrong: {error}"))?;
    seccompiler::apply_filter(&filter)
        .map_err(|error| format!("the kernel refuses the filter of system calls: {error}"))
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, other_sockets()?);
    // A pair of datagram sockets can send to others as well.
    rules.insert(
        libc::SYS_socketpair,
        vec![of_kind(libc::SOCK_DGRAM)?, of_kind(libc::SOCK_RAW)?],
    );
    if cfg!(target_arch = "x86_64") {
        let twice: Vec<_> = rules
            .iter()
            .map(|(call, rules)| (call | X32, rules.clone()))
            .collect();
        rules.extend(twice);
    }
    let refuse = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

/// All but TCP over IPv4, which is how a bridge dials.
fn other_sockets() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
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

fn of_kind(kind: i32) -> Result<SeccompRule, seccompiler::BackendError> {
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
}
