//! Published test vectors for the cryptographic libraries. They detect a library that changes its key schedule or produces
//! all-zero keys.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, setup_receiver};

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// RFC 9180, A.1.3: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM in auth mode, the first two messages.
#[test]
fn hpke_in_auth_mode_opens_the_vector_of_its_rfc() {
    let recipient = PrivateKey::from_bytes(&unhex(
        "fdea67cf831f1ca98d8e27b1f6abeb5b7745e9d35348b80fa407ff6958f9137e",
    ))
    .unwrap();
    let sender = PublicKey::from_bytes(&unhex(
        "8b0c70873dc5aecb7f9ee4e62406a397b350e57012be45cf53b7105ae731790b",
    ))
    .unwrap();
    let encapsulated = EncappedKey::from_bytes(&unhex(
        "23fb952571a14a25e3d678140cd0e5eb47a0961bb18afcf85896e5453c312e76",
    ))
    .unwrap();
    let mut context = setup_receiver::<AesGcm128, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Auth(sender),
        &recipient,
        &encapsulated,
        b"Ode on a Grecian Urn",
    )
    .unwrap();
    for (data, ciphertext) in [
        (
            "Count-0",
            "5fd92cc9d46dbf8943e72a07e42f363ed5f721212cd90bcfd072bfd9f44e06b80fd17824947496e21b680c141b",
        ),
        (
            "Count-1",
            "d3736bb256c19bfa93d79e8f80b7971262cb7c887e35c26370cfed62254369a1b52e3d505b79dd699f002bc8ed",
        ),
    ] {
        let opened = context.open(&unhex(ciphertext), data.as_bytes()).unwrap();
        assert_eq!(opened, b"Beauty is truth, truth beauty");
    }
}

/// "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, appendix B, test case 16.
#[test]
fn aes_256_gcm_gives_the_answer_of_its_specification() {
    let key: [u8; 32] = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
        .try_into()
        .unwrap();
    let nonce: [u8; 12] = unhex("cafebabefacedbaddecaf888").try_into().unwrap();
    let plaintext = unhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de6\
         57ba637b39",
    );
    let data = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let expected = unhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a\
         0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    );
    let sealed = Aes256Gcm::new(&key.into())
        .encrypt(
            &nonce.into(),
            Payload {
                msg: &plaintext,
                aad: &data,
            },
        )
        .unwrap();
    assert_eq!(sealed, expected);
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal digits"))
        .collect()
}
