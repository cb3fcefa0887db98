//! The only sockets: the encrypted TCP connection and file transfer over UDP.
