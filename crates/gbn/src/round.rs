//! Rounds: the number of the go-back that a transmission belongs to.
//!
//! A round is a `u16` that wraps around. Rounds are compared by serial number arithmetic (RFC 1982), which is valid as long
//! as two rounds in use are less than half the number space apart.

/// Whether round `a` is `b` or earlier.
pub(crate) const fn is_not_after(a: u16, b: u16) -> bool {
    b.wrapping_sub(a) < 1 << 15
}

#[cfg(test)]
mod tests {
    use super::is_not_after;

    #[test]
    fn rounds_compare_correctly_across_the_wrap() {
        assert!(is_not_after(7, 7));
        assert!(is_not_after(7, 8));
        assert!(!is_not_after(8, 7));
        assert!(is_not_after(u16::MAX, 0));
        assert!(!is_not_after(0, u16::MAX));
        assert!(is_not_after(u16::MAX - 5, 32_000));
    }
}
