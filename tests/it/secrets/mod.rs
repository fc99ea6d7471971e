//! Passwords and tokens: given as digests, in files of their own, and shown or kept nowhere else.

mod command;
mod digests;
mod files;
mod flood;
mod guessing;
mod leaks;
mod memory;

/// A password, and what others than this program made of it: `sha256sum` and the reference `argon2`.
const PASSWORD: &str = "correct horse";
const SHA256: &str = "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631";
const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$YSBzYWx0IG9mIHRlc3Rz$uPRINgwzk4d26anYCrv8Tg34IlOF5e85Hmiu9FzagPM";
const USUAL: &str = "$argon2id$v=19$m=19456,t=2,p=1$YSBzYWx0IG9mIHRlc3Rz$bzVn+b9plr8wZB0TlNtpr20KUJdfyxr2anO9UFPXsLg";
/// 64 MiB, gone through four times.
const DEAR: &str = "$argon2id$v=19$m=65536,t=4,p=4$YSBzYWx0IG9mIHRlc3Rz$/ogMdgzoAF+JCJcNTVBs79GJAnY+QT2+uFaUrQ1SJ9I";
