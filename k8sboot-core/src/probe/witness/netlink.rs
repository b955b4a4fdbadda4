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
