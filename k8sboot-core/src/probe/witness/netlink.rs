//! The addresses of a network namespace, as the kernel lists them over netlink.
//!
//! Source: rtnetlink(7), netlink(7), linux/if_addr.h. Integers are of the machine's byte order.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        netdevice::index_to_name,
        netlink::SocketAddrNetlink,
        sockopt::{Timeout, set_socket_timeout},
    },
};

const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLM_F_DUMP_INTR: u16 = 0x10;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const NLA_TYPE_MASK: u16 = 0x3fff;
/// The kernel fills at most 32 KiB at a time.
const BUFFER: usize = 64 * 1024;
/// How often a list that changed while it was read is read again.
const TRIES: usize = 16;
const WAIT: Duration = Duration::from_secs(5);

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceAddress {
    /// The address of this end.
    pub address: IpAddr,
    /// The index of the interface.
    pub index: u32,
}

/// What a buffer of messages says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The addresses, in the order of the messages.
    pub addresses: Vec<InterfaceAddress>,
    /// Whether it is the last part.
    pub done: bool,
    /// Whether the kernel's list changed meanwhile, so that something may be missing.
    pub interrupted: bool,
}

/// Why the kernel's list of addresses cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetlinkProblem {
    /// A system call on the netlink socket failed.
    #[error("netlink: {op}")]
    #[non_exhaustive]
    Call {
        /// Which.
        op: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel refused.
    #[error("netlink: the kernel refused to list the addresses")]
    #[non_exhaustive]
    Refused {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A message is not what it should be.
    #[error("netlink: byte {at}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Shape {
        /// The offset in the buffer.
        at: usize,
        /// What was expected.
        expected: &'static str,
        /// What was there.
        found: usize,
    },
    /// The list changed each time while it was read.
    #[error("netlink: the addresses changed {tries} times while they were read: try again")]
    #[non_exhaustive]
    Changing {
        /// How often it was tried.
        tries: usize,
    },
}

/// Reads a buffer of netlink messages that answers request `sequence`; messages of other requests are passed over.
///
/// # Errors
///
/// [`NetlinkProblem::Shape`] if a length leads out of the buffer or a fixed part is cut off;
/// [`NetlinkProblem::Refused`] if the kernel reports an error.
pub fn parse(buffer: &[u8], sequence: u32) -> Result<Part, NetlinkProblem> {
    let mut part = Part::default();
    let mut at = 0;
    while let Some(rest) = buffer.get(at..).filter(|rest| !rest.is_empty()) {
        let header: &[u8; HEADER] =
            rest.first_chunk().ok_or(shape(at, "a message header of 16 bytes", rest.len()))?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, _, _, _, _] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let body = rest.get(HEADER..length).ok_or(shape(
            at,
            "a message length from 16 to the end of the buffer",
            length,
        ))?;
        if u32::from_ne_bytes([s0, s1, s2, s3]) == sequence {
            part.interrupted |= u16::from_ne_bytes([f0, f1]) & NLM_F_DUMP_INTR != 0;
            match u16::from_ne_bytes([k0, k1]) {
                RTM_NEWADDR => part.addresses.extend(address(body, at + HEADER)?),
                NLMSG_DONE => {
                    refusal(body)?;
                    part.done = true;
                    return Ok(part);
                }
                NLMSG_ERROR => {
                    refusal(body)?;
                    return Err(shape(at, "an answer", 0));
                }
                _ => {}
            }
        }
        at = at.saturating_add(align(length));
    }
    Ok(part)
}

/// Lists the addresses of the calling thread's network namespace; with each the name of its interface.
pub(super) fn dump() -> Result<Vec<(InterfaceAddress, String)>, NetlinkProblem> {
    let call = |op| move |errno: Errno| NetlinkProblem::Call { op, source: errno.into() };
    // NETLINK_ROUTE is protocol 0.
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .map_err(call("open a socket"))?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0)).map_err(call("bind"))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(WAIT)).map_err(call("set the time limit"))?;
    let mut sequence = 0;
    while let Some(next) = Some(sequence + 1).filter(|next| usize::try_from(*next).is_ok_and(|n| n <= TRIES))
    {
        sequence = next;
        if let Some(addresses) = try_dump(&socket, sequence)? {
            let name = |found: &InterfaceAddress| {
                index_to_name(&socket, found.index).unwrap_or_else(|_| format!("interface {}", found.index))
            };
            return Ok(addresses
                .into_iter()
                .map(|found| (name(&found), found))
                .map(|(n, f)| (f, n))
                .collect());
        }
    }
    Err(NetlinkProblem::Changing { tries: TRIES })
}

/// `None` if the list changed while it was read.
fn try_dump(socket: &OwnedFd, sequence: u32) -> Result<Option<Vec<InterfaceAddress>>, NetlinkProblem> {
    let call = |op| move |errno: Errno| NetlinkProblem::Call { op, source: errno.into() };
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(socket, &request(sequence), SendFlags::empty(), &kernel).map_err(call("send"))?;
    let mut addresses = Vec::new();
    let mut interrupted = false;
    let mut buffer = vec![0; BUFFER];
    loop {
        let (_, length, from) = match rustix::net::recvfrom(socket.as_fd(), &mut *buffer, RecvFlags::TRUNC) {
            Err(Errno::INTR) => continue,
            result => result.map_err(call("receive"))?,
        };
        let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
        if from.is_some_and(|from| from.pid() != 0) {
            continue;
        }
        let bytes = buffer.get(..length).ok_or(shape(BUFFER, "a message that fits the buffer", length))?;
        let part = parse(bytes, sequence)?;
        addresses.extend(part.addresses);
        interrupted |= part.interrupted;
        if part.done {
            return Ok((!interrupted).then_some(addresses));
        }
    }
}

/// A request for the addresses of all families.
fn request(sequence: u32) -> [u8; 24] {
    let mut bytes = [0; 24];
    let length: u32 = 24;
    let fields = length
        .to_ne_bytes()
        .into_iter()
        .chain(RTM_GETADDR.to_ne_bytes())
        .chain(NLM_F_REQUEST_DUMP.to_ne_bytes())
        .chain(sequence.to_ne_bytes());
    for (place, byte) in bytes.iter_mut().zip(fields) {
        *place = byte;
    }
    bytes
}

/// The address of one message; of a point-to-point interface that of this end.
fn address(body: &[u8], at: usize) -> Result<Option<InterfaceAddress>, NetlinkProblem> {
    let (fixed, mut attributes) =
        body.split_first_chunk::<8>().ok_or(shape(at, "an address message of 8 bytes", body.len()))?;
    let [_, _, _, _, i0, i1, i2, i3] = *fixed;
    let index = u32::from_ne_bytes([i0, i1, i2, i3]);
    let (mut own, mut local) = (None, None);
    while !attributes.is_empty() {
        let at = at + body.len() - attributes.len();
        let [l0, l1, t0, t1] =
            *attributes.first_chunk().ok_or(shape(at, "an attribute of 4 bytes", attributes.len()))?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = attributes.get(4..length).ok_or(shape(
            at,
            "an attribute length from 4 to the end of the message",
            length,
        ))?;
        match u16::from_ne_bytes([t0, t1]) & NLA_TYPE_MASK {
            IFA_ADDRESS => own = ip(value),
            IFA_LOCAL => local = ip(value),
            _ => {}
        }
        attributes = attributes.get(align(length)..).unwrap_or_default();
    }
    Ok(local.or(own).map(|address| InterfaceAddress { address, index }))
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(value).ok().map(|v6| Ipv6Addr::from(v6).into())
}

/// The error number that ends a dump or refuses it; zero is success.
fn refusal(body: &[u8]) -> Result<(), NetlinkProblem> {
    match body.first_chunk().map_or(0, |number| i32::from_ne_bytes(*number)) {
        0 => Ok(()),
        number => Err(NetlinkProblem::Refused {
            source: io::Error::from_raw_os_error(number.checked_neg().unwrap_or(i32::MAX)),
        }),
    }
}

fn shape(at: usize, expected: &'static str, found: usize) -> NetlinkProblem {
    NetlinkProblem::Shape { at, expected, found }
}

const fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    /// What Linux answered in a namespace with `lo`, `eth0` (10.244.1.7/24, 2001:db8::7/64) and the point-to-point
    /// interface `ptp0` (10.0.0.1, its peer is 10.0.0.2).
    const RECORDED: &str = "\
4c00000014000200070000004d4c0000020880fe01000000080001007f000001080002007f000001070003006c6f0000\
080008008000000014000600ffffffffffffffffa21e1500a21e15005000000014000200070000004d4c000002208000\
02000000080001000a000002080002000a000001090003007074703000000000080008008000000014000600ffffffff\
ffffffffa31e1500a31e15005000000014000200070000004d4c00000218800003000000080001000af4010708000200\
0af40107090003006574683000000000080008008000000014000600ffffffffffffffffa31e1500a31e150050000000\
14000200070000004d4c00000a8080fe01000000140001000000000000000000000000000000000114000600ffffffff\
ffffffffa21e1500a21e1500080008008000000005000b00010000004800000014000200070000004d4c00000a408200\
030000001400010020010db800000000000000000000000714000600ffffffffffffffffa41e1500a41e150008000800\
82000000";
    const DONE: &str = "1400000003000200070000004d4c000000000000";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn reads_what_linux_answers() {
        let part = parse(&bytes(RECORDED), 7).unwrap();
        let found: Vec<_> = part.addresses.iter().map(|a| (a.index, a.address.to_string())).collect();
        let want = [(1, "127.0.0.1"), (2, "10.0.0.1"), (3, "10.244.1.7"), (1, "::1"), (3, "2001:db8::7")];
        assert_eq!(found, want.map(|(index, address)| (index, address.to_owned())));
        assert!(!part.done && !part.interrupted);
        assert!(parse(&bytes(DONE), 7).unwrap().done);
    }

    #[test]
    fn passes_over_answers_to_others() {
        assert_eq!(parse(&bytes(RECORDED), 8).unwrap(), Part::default());
        assert!(!parse(&bytes(DONE), 8).unwrap().done);
    }

    #[test]
    fn tells_an_interrupted_list_from_a_whole_one() {
        let mut changed = bytes(RECORDED);
        changed[6] |= 0x10;
        assert!(parse(&changed, 7).unwrap().interrupted);
    }

    #[test]
    fn refusals_are_errors() {
        let mut refused = bytes(DONE);
        refused[4] = 2;
        refused[16..].copy_from_slice(&(-1i32).to_ne_bytes());
        let NetlinkProblem::Refused { source } = parse(&refused, 7).unwrap_err() else {
            panic!("not refused")
        };
        assert_eq!(source.raw_os_error(), Some(1));
        refused[16..].copy_from_slice(&i32::MIN.to_ne_bytes());
        assert!(matches!(parse(&refused, 7), Err(NetlinkProblem::Refused { .. })));
    }

    #[test]
    fn nothing_leads_out_of_the_buffer() {
        let whole = bytes(RECORDED);
        for end in 0..whole.len() {
            match parse(&whole[..end], 7) {
                Ok(part) => assert!(part.addresses.len() <= 5, "cut at {end}"),
                Err(NetlinkProblem::Shape { at, .. }) => assert!(at <= end, "cut at {end}"),
                Err(error) => panic!("cut at {end}: {error}"),
            }
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 0x7f, 0xff] {
                let mut broken = whole.clone();
                broken[at] = value;
                assert!(
                    parse(&broken, 7).is_ok_and(|p| p.addresses.len() <= 5) || parse(&broken, 7).is_err()
                );
            }
        }
    }

    #[test]
    fn a_length_of_zero_is_refused_and_not_read_for_ever() {
        assert!(matches!(parse(&[0; 16], 0), Err(NetlinkProblem::Shape { at: 0, found: 0, .. })));
    }
}
