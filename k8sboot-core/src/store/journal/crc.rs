//! CRC-32C, the checksum of iSCSI (RFC 3720) and ext4: polynomial 0x1EDC6F41, reflected.

const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Eight bytes a step: the n-th table carries a byte over n more bytes.
static TABLES: [[u32; 256]; 8] = tables();

/// A running checksum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crc(u32);

impl Crc {
    /// Of nothing yet.
    pub(super) const fn new() -> Self {
        Self(!0)
    }

    /// Goes on over more bytes.
    #[must_use]
    pub(super) fn over(self, bytes: &[u8]) -> Self {
        let mut crc = self.0;
        let (steps, rest) = bytes.as_chunks::<8>();
        for step in steps {
            let [a, b, c, d, e, f, g, h] = *step;
            let [low, second, third, high] = (crc ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
            crc = carry::<7>(low)
                ^ carry::<6>(second)
                ^ carry::<5>(third)
                ^ carry::<4>(high)
                ^ carry::<3>(e)
                ^ carry::<2>(f)
                ^ carry::<1>(g)
                ^ carry::<0>(h);
        }
        for byte in rest {
            let [low, ..] = crc.to_le_bytes();
            crc = carry::<0>(low ^ byte) ^ (crc >> 8);
        }
        Self(crc)
    }

    /// The checksum.
    pub(super) const fn value(self) -> u32 {
        !self.0
    }
}

fn carry<const TABLE: usize>(byte: u8) -> u32 {
    TABLES.get(TABLE).and_then(|table| table.get(usize::from(byte))).copied().unwrap_or_default()
}

#[allow(clippy::indexing_slicing, reason = "worked out by the compiler, which proves the indices")]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut crc = 0;
    let mut byte = 0;
    while byte < 256 {
        let mut value = crc;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
        crc += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: RFC 3720, appendix B.4, and the check value of the CRC catalogue.
    #[test]
    fn gives_the_published_values() {
        let of = |bytes: &[u8]| Crc::new().over(bytes).value();
        assert_eq!(of(b"123456789"), 0xe306_9283);
        assert_eq!(of(&[0; 32]), 0x8a91_36aa);
        assert_eq!(of(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(of(&rising), 0x46dd_794e);
        assert_eq!(of(b""), 0);
    }

    #[test]
    fn goes_on_where_it_stopped() {
        let bytes: Vec<u8> = (0..200).collect();
        let whole = Crc::new().over(&bytes).value();
        for cut in 0..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(Crc::new().over(head).over(tail).value(), whole, "cut at {cut}");
        }
    }
}
