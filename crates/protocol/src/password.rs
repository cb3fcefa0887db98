//! The room's password and its stretched form, which the handshake uses.

use std::fmt;

use pbkdf2::pbkdf2_hmac_array;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::key::{RandomError, random_bytes};

/// The longest password, in bytes of UTF-8.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// The PBKDF2 iterations of a server, and the minimum that a client accepts: OWASP's recommendation for HMAC-SHA256, about
/// 0.2 s.
pub const DEFAULT_ITERATIONS: u32 = 600_000;

/// The maximum of PBKDF2 iterations that a client accepts. It limits the time that a hostile server can make a client spend
/// to a few seconds.
pub const MAX_ITERATIONS: u32 = 10_000_000;

/// Separates this use of PBKDF2 from any other with the same password and salt.
const SALT_LABEL: &[u8] = b"backroom password v1";

/// A room's password as the user entered it, in NFC. Wiped when dropped, never shown by `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Checks the length and applies NFC, so that the same characters entered on different systems give the same password
    /// (RFC 8265, 4.2).
    pub fn new(password: String) -> Result<Self, PasswordError> {
        let password = Zeroizing::new(password);
        if password.is_empty() {
            return Err(PasswordError::Empty);
        }
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong {
                bytes: password.len(),
            });
        }
        // NFC expands UTF-8 by a factor of at most 3 (UAX #15). With this capacity the string is never reallocated, which
        // would leave a copy in memory.
        let mut normalized = String::with_capacity(3 * password.len());
        normalized.extend(password.nfc());
        Ok(Self(normalized))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The rule that a password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The password is empty.
    #[error("the password is empty")]
    Empty,
    /// The password exceeds [`MAX_PASSWORD_BYTES`].
    #[error("the password has {bytes} bytes; at most {MAX_PASSWORD_BYTES} are allowed")]
    TooLong {
        /// The length of the password.
        bytes: usize,
    },
}

/// The parameters with which a server stretches its password. The server chooses them when it starts; they are public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StretchParams {
    pub(crate) salt: [u8; 16],
    pub(crate) iterations: u32,
}

impl StretchParams {
    /// Chooses a random salt and [`DEFAULT_ITERATIONS`].
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self {
            salt: random_bytes()?,
            iterations: DEFAULT_ITERATIONS,
        })
    }

    /// Accepts the parameters of a server.
    ///
    /// # Errors
    /// [`BadIterations`] for fewer than [`DEFAULT_ITERATIONS`], which would make guessing cheap, or more than
    /// [`MAX_ITERATIONS`], which would make joining expensive.
    pub fn new(salt: [u8; 16], iterations: u32) -> Result<Self, BadIterations> {
        if !(DEFAULT_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(BadIterations { iterations });
        }
        Ok(Self { salt, iterations })
    }
}

/// A server requested a number of PBKDF2 iterations that is too low or too high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server requested {iterations} PBKDF2 iterations, outside the allowed range from {DEFAULT_ITERATIONS} to \
     {MAX_ITERATIONS}; do not trust it with the password"
)]
pub struct BadIterations {
    /// The requested number.
    pub iterations: u32,
}

/// A stretched password, the secret that the handshake proves. Wiped when dropped, never shown by `Debug`.
///
/// It is as good as the password itself for joining, until the server restarts with another salt.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StretchedPassword {
    #[zeroize(skip)]
    params: StretchParams,
    pub(crate) bytes: [u8; 32],
}

impl StretchedPassword {
    /// Computes PBKDF2-HMAC-SHA256 (RFC 8018). This blocks for about 0.2 s, so do not call it on an async thread.
    pub fn stretch(password: &Password, params: StretchParams) -> Self {
        let salt = [SALT_LABEL, &params.salt].concat();
        Self {
            params,
            bytes: pbkdf2_sha256(password.0.as_bytes(), &salt, params.iterations),
        }
    }

    /// The parameters that were used.
    pub fn params(&self) -> StretchParams {
        self.params
    }
}

impl PartialEq for StretchedPassword {
    fn eq(&self, other: &Self) -> bool {
        self.params == other.params && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl fmt::Debug for StretchedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StretchedPassword")
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

fn pbkdf2_sha256(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::unhex;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    /// RFC 7914, 11.
    #[test]
    fn stretching_is_pbkdf2_hmac_sha256() {
        for (password, salt, iterations, bytes) in [
            (
                "passwd",
                "salt",
                1,
                "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
            ),
            (
                "Password",
                "NaCl",
                80_000,
                "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56",
            ),
        ] {
            assert_eq!(
                pbkdf2_sha256(password.as_bytes(), salt.as_bytes(), iterations)[..],
                unhex(bytes)
            );
        }
    }

    /// Computed with Python's hashlib.
    #[test]
    fn stretching_matches_another_implementation() {
        let params =
            StretchParams::new(std::array::from_fn(|i| i as u8), DEFAULT_ITERATIONS).unwrap();
        let decomposed = StretchedPassword::stretch(&password("pa\u{308}ssword"), params);
        let expected = "12d3b41f0a2470806e390d5254a7b8777282b3f4395b4a656f4989af56a64d60";
        assert_eq!(decomposed.bytes[..], unhex(expected));
        assert_eq!(decomposed.params(), params);
    }

    #[test]
    fn a_password_has_1_to_1024_bytes_and_is_kept_in_nfc() {
        assert_eq!(
            Password::new(String::new()).unwrap_err(),
            PasswordError::Empty
        );
        assert!(Password::new("x".repeat(MAX_PASSWORD_BYTES)).is_ok());
        let bytes = MAX_PASSWORD_BYTES + 1;
        assert_eq!(
            Password::new("x".repeat(bytes)).unwrap_err(),
            PasswordError::TooLong { bytes }
        );
        assert_eq!(password("a\u{30a}").0, "å");
        // U+1D160 is the character that NFC makes longest: three times its bytes.
        let longest = password(&"\u{1d160}".repeat(MAX_PASSWORD_BYTES / 4));
        assert_eq!(longest.0.len(), 3 * MAX_PASSWORD_BYTES);
        assert!(
            longest.0.capacity() == 3 * MAX_PASSWORD_BYTES,
            "the string has moved"
        );
    }

    #[test]
    fn out_of_range_iterations_are_rejected() {
        for iterations in [
            0,
            1,
            100,
            DEFAULT_ITERATIONS - 1,
            MAX_ITERATIONS + 1,
            u32::MAX,
        ] {
            assert_eq!(
                StretchParams::new([0; 16], iterations),
                Err(BadIterations { iterations })
            );
        }
        assert!(StretchParams::new([0; 16], DEFAULT_ITERATIONS).is_ok());
        assert!(StretchParams::new([0; 16], MAX_ITERATIONS).is_ok());
    }

    #[test]
    fn each_server_has_its_own_salt() {
        let (a, b) = (
            StretchParams::generate().unwrap(),
            StretchParams::generate().unwrap(),
        );
        assert_ne!(a.salt, b.salt);
        assert_eq!(a.iterations, 600_000);
    }

    #[test]
    fn debug_output_shows_no_password() {
        let params = StretchParams::new([1; 16], DEFAULT_ITERATIONS).unwrap();
        let stretched = StretchedPassword {
            params,
            bytes: [0xab; 32],
        };
        let shown = format!("{:?} {stretched:?}", password("hunter2"));
        assert!(
            !shown.contains("hunter2")
                && !shown.contains("171")
                && !shown.to_lowercase().contains("ab,"),
            "{shown}"
        );
    }
}
