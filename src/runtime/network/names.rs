//! Answers to questions for names: a small resolver, see RFC 1035.
//!
//! The names of the containers on a network are answered here. Anything else is passed on, byte for byte, to somebody who knows more.
//!
//! Left out: questions over TCP; answers are as long as the one who asks says that it takes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{A, AAAA, PTR, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

/// What is done about a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// These bytes are the answer.
    Answer(Vec<u8>),
    /// Somebody else knows; the name that was asked for.
    Ask(String),
    /// It is not a question.
    Ignore,
}

// ANCHOR: directory
/// What those who ask may know.
pub(super) trait Directory {
    /// The addresses of a container; none: there is no container of this name.
    fn addresses(&self, name: &str) -> Vec<IpAddr>;
    /// The name of the container that has an address.
    fn name(&self, address: IpAddr) -> Option<String>;
}
// ANCHOR_END: directory

/// So long is an answer good: containers come and go.
const SECONDS: u32 = 1;

/// What is to be done about a question.
pub(super) fn consider(question: &[u8], directory: &dyn Directory) -> Outcome {
    let Ok(packet) = Packet::parse(question) else { return Outcome::Ignore };
    let [asked] = packet.questions.as_slice() else { return Outcome::Ignore };
    if packet.has_flags(PacketFlag::RESPONSE) {
        return Outcome::Ignore;
    }
    let name = asked.qname.to_string();
    let plain = name.trim_end_matches('.').to_ascii_lowercase();
    let mut records = Vec::new();
    if asked.qtype == QTYPE::TYPE(TYPE::PTR) {
        let Some(owner) = reversed(&plain).and_then(|address| directory.name(address)) else {
            return Outcome::Ask(plain);
        };
        let Ok(owner) = Name::new(&owner).map(Name::into_owned) else { return Outcome::Ask(plain) };
        records.push(RData::PTR(PTR(owner)));
    } else {
        let addresses = directory.addresses(&plain);
        if addresses.is_empty() {
            return Outcome::Ask(plain);
        }
        let is_asked = |kind| asked.qtype == QTYPE::TYPE(kind) || asked.qtype == QTYPE::ANY;
        for address in addresses {
            match address {
                IpAddr::V4(address) if is_asked(TYPE::A) => records.push(RData::A(A { address: address.into() })),
                IpAddr::V6(address) if is_asked(TYPE::AAAA) => {
                    records.push(RData::AAAA(AAAA { address: address.into() }));
                }
                IpAddr::V4(_) | IpAddr::V6(_) => {}
            }
        }
    }
    let mut reply = reply(&packet);
    reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    for data in records {
        reply.answers.push(ResourceRecord::new(asked.qname.clone(), CLASS::IN, SECONDS, data));
    }
    reply.build_bytes_vec().map_or(Outcome::Ignore, Outcome::Answer)
}

/// The answer that nobody knows; `code` says why.
pub(super) fn unknown(question: &[u8], code: Unknown) -> Option<Vec<u8>> {
    let packet = Packet::parse(question).ok()?;
    let mut reply = reply(&packet);
    *reply.rcode_mut() = match code {
        Unknown::NoSuchName => RCODE::NameError,
        Unknown::NobodyToAsk => RCODE::ServerFailure,
    };
    reply.build_bytes_vec().ok()
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    NoSuchName,
    NobodyToAsk,
}

fn reply<'p>(to: &Packet<'p>) -> Packet<'p> {
    let mut reply = Packet::new_reply(to.id());
    reply.questions = to.questions.clone();
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if to.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    reply
}

/// `2.0.18.172.in-addr.arpa` → 172.18.0.2; of IPv6 each digit is a part, see RFC 3596.
fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(digits) = name.strip_suffix(".ip6.arpa") {
        let digits: Vec<&str> = digits.split('.').rev().collect();
        let is_whole = digits.len() == 32 && digits.iter().all(|digit| digit.len() == 1);
        let number = is_whole.then(|| u128::from_str_radix(&digits.concat(), 16).ok()).flatten()?;
        return Some(Ipv6Addr::from(number).into());
    }
    let parts: Vec<&str> = name.strip_suffix(".in-addr.arpa")?.split('.').collect();
    let [d, c, b, a] = parts.as_slice() else { return None };
    format!("{a}.{b}.{c}.{d}").parse::<Ipv4Addr>().ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use simple_dns::{QCLASS, Question};

    use super::*;

    struct One;

    const SIXTH: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0x2a);

    impl Directory for One {
        fn addresses(&self, name: &str) -> Vec<IpAddr> {
            match name {
                "web" => vec![Ipv4Addr::new(172, 18, 0, 2).into()],
                "both" => vec![Ipv4Addr::new(172, 18, 0, 3).into(), SIXTH.into()],
                _ => Vec::new(),
            }
        }

        fn name(&self, address: IpAddr) -> Option<String> {
            let is_web = address == IpAddr::V4(Ipv4Addr::new(172, 18, 0, 2));
            if is_web { Some("web".to_owned()) } else { (address == IpAddr::V6(SIXTH)).then(|| "both".to_owned()) }
        }
    }

    fn question(name: &str, kind: TYPE) -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        packet.questions.push(Question::new(Name::new(name).unwrap(), kind.into(), QCLASS::CLASS(CLASS::IN), false));
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn containers_are_known_and_the_rest_is_asked_for() {
        let Outcome::Answer(bytes) = consider(&question("WEB", TYPE::A), &One) else { panic!("no answer") };
        let answer = Packet::parse(&bytes).unwrap();
        assert_eq!((answer.id(), answer.answers.len()), (7, 1));
        let Outcome::Answer(bytes) = consider(&question("web", TYPE::AAAA), &One) else { panic!("no answer") };
        assert_eq!(Packet::parse(&bytes).unwrap().answers.len(), 0, "it is there and has no such address");
        let Outcome::Answer(bytes) = consider(&question("2.0.18.172.in-addr.arpa", TYPE::PTR), &One) else { panic!() };
        assert_eq!(Packet::parse(&bytes).unwrap().answers.len(), 1);
        assert_eq!(consider(&question("example.org", TYPE::A), &One), Outcome::Ask("example.org".to_owned()));
    }

    #[test]
    fn addresses_of_each_version_are_told_to_those_who_ask_for_it() {
        let answered = |name: &str, kind| match consider(&question(name, kind), &One) {
            Outcome::Answer(bytes) => format!("{:?}", Packet::parse(&bytes).unwrap().answers),
            other => panic!("{other:?}"),
        };
        let (four, six) = (answered("both", TYPE::A), answered("both", TYPE::AAAA));
        assert!(four.contains("A(A {") && !four.contains("AAAA"), "{four}");
        assert!(six.contains(&format!("AAAA {{ address: {} }}", u128::from(SIXTH))), "{six}");
        let digits: Vec<String> = format!("{:032x}", u128::from(SIXTH)).chars().rev().map(String::from).collect();
        let back = answered(&format!("{}.ip6.arpa", digits.join(".")), TYPE::PTR);
        assert!(back.contains("PTR"), "{back}");
        assert!(reversed(&format!("{}.ip6.arpa", digits[1..].join("."))).is_none());
    }

    #[test]
    fn what_is_no_question_is_ignored() {
        for bytes in [&b""[..], b"x", &[0xff; 12], &[0xc0; 512]] {
            assert_eq!(consider(bytes, &One), Outcome::Ignore);
            assert!(unknown(bytes, Unknown::NoSuchName).is_none() || bytes.len() >= 12);
        }
    }
}
