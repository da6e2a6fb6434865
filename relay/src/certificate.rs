//! The certificate: read, checked, and read again when its files change.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_name;
use rustls::crypto::ring::{default_provider, sign};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode as _};

/// Who is told before a certificate ends.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The files of a certificate.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The name that phones open, if it was given.
    pub(crate) name: Option<String>,
}

/// Why a certificate cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    Unreadable(PathBuf, io::Error),
    NoCertificate(PathBuf),
    NoKey(PathBuf),
    KeyUnsupported(PathBuf),
    /// The key is not that of the certificate.
    OtherKey,
    Malformed(PathBuf),
    NotYet(DateTime),
    Ended(DateTime),
    OtherName(String),
    NotAName(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, why) => write!(f, "cannot read {}: {why}", path.display()),
            Self::NoCertificate(path) => write!(
                f,
                "{} holds no certificate; --tls-cert wants a PEM file with the certificate and those between \
                 it and the root",
                path.display()
            ),
            Self::NoKey(path) => {
                write!(f, "{} holds no private key; --tls-key wants a PEM file", path.display())
            }
            Self::KeyUnsupported(path) => {
                write!(f, "the private key in {} is of no kind that is known", path.display())
            }
            Self::OtherKey => write!(f, "the private key does not belong to the certificate"),
            Self::Malformed(path) => {
                write!(f, "the certificate in {} cannot be read", path.display())
            }
            Self::NotYet(at) => write!(
                f,
                "the certificate is good from {} on; is the clock of this computer right?",
                day(*at)
            ),
            Self::Ended(at) => {
                write!(f, "the certificate has ended on {}; renew it", day(*at))
            }
            Self::OtherName(name) => write!(
                f,
                "the certificate is not for {name}; phones would refuse it. Get one for that name, or give \
                 another --name"
            ),
            Self::NotAName(name) => write!(f, "{name} is no name of a computer"),
        }
    }
}

impl std::error::Error for Unusable {}

/// The day of a time, in UTC.
fn day(at: DateTime) -> String {
    let text = at.to_string();
    text.split('T').next().unwrap_or(&text).to_owned()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A certificate that can be used, and until when.
#[derive(Clone)]
struct Usable {
    key: Arc<CertifiedKey>,
    ends: DateTime,
}

impl Files {
    /// Reads and checks them.
    fn read(&self) -> Result<Usable, Unusable> {
        let bytes =
            |path: &Path| fs::read(path).map_err(|why| Unusable::Unreadable(path.to_owned(), why));
        let (certificate, key) = (bytes(&self.certificate)?, bytes(&self.key)?);
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| Unusable::NoCertificate(self.certificate.clone()))?;
        let first =
            chain.first().ok_or_else(|| Unusable::NoCertificate(self.certificate.clone()))?;
        let malformed = || Unusable::Malformed(self.certificate.clone());
        let parsed = Certificate::from_der(first).map_err(|_| malformed())?;
        let validity = parsed.tbs_certificate.validity;
        let (from, ends) = (validity.not_before.to_date_time(), validity.not_after.to_date_time());
        if now() < from.unix_duration() {
            return Err(Unusable::NotYet(from));
        }
        if now() > ends.unix_duration() {
            return Err(Unusable::Ended(ends));
        }
        if let Some(name) = &self.name {
            let expected = ServerName::try_from(name.as_str())
                .map_err(|_| Unusable::NotAName(name.clone()))?;
            let parsed = ParsedCertificate::try_from(first).map_err(|_| malformed())?;
            verify_server_name(&parsed, &expected)
                .map_err(|_| Unusable::OtherName(name.clone()))?;
        }
        let key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|_| Unusable::NoKey(self.key.clone()))?;
        let key = sign::any_supported_type(&key)
            .map_err(|_| Unusable::KeyUnsupported(self.key.clone()))?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(Unusable::OtherKey),
        }
        Ok(Usable { key: Arc::new(key), ends })
    }

    /// What changes when they are written again.
    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let it = fs::metadata(path).ok()?;
            Some((it.modified().ok()?, it.len()))
        })
    }
}

/// The certificate of now.
pub(crate) struct Current {
    files: Files,
    stamp: RwLock<[Option<(SystemTime, u64)>; 2]>,
    usable: RwLock<Usable>,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Current {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn read(files: Files) -> Result<Self, Unusable> {
        let stamp = RwLock::new(files.stamp());
        let usable = RwLock::new(files.read()?);
        Ok(Self { files, stamp, usable })
    }

    /// Reads the files again if they have changed: true if there is another certificate now. The one before
    /// stays if they cannot be used.
    ///
    /// # Errors
    /// What is wrong with them; told once for each change.
    pub(crate) fn refresh(&self) -> Result<bool, Unusable> {
        let stamp = self.files.stamp();
        let mut known = self.stamp.write().unwrap_or_else(PoisonError::into_inner);
        if *known == stamp {
            return Ok(false);
        }
        *known = stamp;
        let usable = self.files.read()?;
        *self.usable.write().unwrap_or_else(PoisonError::into_inner) = usable;
        Ok(true)
    }

    /// The day on which it ends, if that is soon.
    pub(crate) fn ends_soon(&self) -> Option<String> {
        let ends = self.usable.read().unwrap_or_else(PoisonError::into_inner).ends;
        (now() + SOON > ends.unix_duration()).then(|| day(ends))
    }

    /// How TLS is spoken with it.
    pub(crate) fn config(self: &Arc<Self>) -> ServerConfig {
        let resolver: Arc<dyn ResolvesServerCert> = self.clone();
        let mut config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.usable.read().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertifiedKey as Made, KeyPair, date_time_ymd};

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn files(&self, name: Option<&str>) -> Files {
            let path = |it| self.0.path().join(it);
            Files {
                certificate: path("cert.pem"),
                key: path("key.pem"),
                name: name.map(str::to_owned),
            }
        }

        fn write(&self, certificate: &str, key: &str) -> &Self {
            fs::write(self.0.path().join("cert.pem"), certificate).unwrap();
            fs::write(self.0.path().join("key.pem"), key).unwrap();
            self
        }
    }

    fn made(from: i32, to: i32) -> (String, String) {
        let mut params = CertificateParams::new(["roll.example.edu".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 2, 3);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn refused(files: &Files) -> String {
        files.read().err().expect("it is refused").to_string()
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_with_its_file() {
        let folder = Folder::new();
        let files = folder.files(None);
        assert!(refused(&files).starts_with("cannot read"), "{}", refused(&files));
        let (certificate, key) = made(2_020, 2_999);
        folder.write("", &key);
        assert!(refused(&files).contains("cert.pem holds no certificate"));
        folder.write(&certificate, &certificate);
        assert!(refused(&files).contains("key.pem holds no private key"));
        folder.write(&certificate, &made(2_020, 2_999).1);
        assert!(refused(&files).contains("does not belong to the certificate"));
        folder.write(&made(2_020, 2_021).0, &key);
        assert!(refused(&files).contains("has ended on 2021-02-03; renew it"));
        folder.write(&made(2_900, 2_999).0, &key);
        assert!(refused(&files).contains("good from 2900-01-01 on"));
        let other = certificate.replace("MII", "MIJ");
        folder.write(&other, &key);
        assert!(refused(&files).contains("cannot be read"));
        folder.write(&certificate, &key);
        assert!(files.read().is_ok());
        assert!(folder.files(Some("roll.example.edu")).read().is_ok());
        let other = folder.files(Some("other.example.edu"));
        assert!(refused(&other).contains("is not for other.example.edu"));
        assert!(refused(&folder.files(Some("a b"))).contains("a b is no name"));
    }

    #[test]
    fn a_certificate_is_read_again_when_its_files_change_and_stays_when_they_are_bad() {
        let folder = Folder::new();
        let (certificate, key) = made(2_020, 2_999);
        let current = Current::read(folder.write(&certificate, &key).files(None)).unwrap();
        let first = |it: &Current| it.usable.read().unwrap().key.cert[0].to_vec();
        let before = first(&current);
        assert!(!current.refresh().unwrap(), "nothing has changed");
        folder.write("no certificate", &key);
        assert!(current.refresh().is_err());
        assert!(!current.refresh().unwrap(), "told once");
        assert_eq!(first(&current), before);
        let Made { cert, signing_key } =
            rcgen::generate_simple_self_signed(["other.example.edu".to_owned()]).unwrap();
        folder.write(&cert.pem(), &signing_key.serialize_pem());
        assert!(current.refresh().unwrap());
        assert_ne!(first(&current), before);
        assert_eq!(current.ends_soon(), None);
    }
}
