//! Certificates, made with the command `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An authority that signs, in a folder.
#[derive(Clone)]
pub(crate) struct Authority {
    folder: PathBuf,
    name: String,
}

impl Authority {
    /// Makes one; its certificate is `<name>.crt`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let authority = Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
        };
        authority.openssl(&format!(
            "req -new -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN={name} -keyout {name}.key -out {name}.crt"
        ));

        authority
    }

    /// The file with its certificate.
    pub(crate) fn certificate(&self) -> String {
        self.path(&format!("{}.crt", self.name))
    }

    /// Signs a certificate `<file>.crt` with key `<file>.key` for a name, with the extension `extension`, for `days` from now on.
    pub(crate) fn sign(&self, file: &str, name: &str, extension: &str, days: i32) {
        let authority = &self.name;
        std::fs::write(self.folder.join("extension"), extension).expect("a file");
        self.openssl(&format!(
            "req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN={name} -keyout {file}.key -out {file}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {file}.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial -extfile extension -days {days} -out {file}.crt"
        ));
    }

    /// A file in the authority's folder.
    pub(crate) fn path(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }

    /// The content of a file in the authority's folder.
    pub(crate) fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).expect("a file")
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(&self.folder)
            .output()
            .expect("the command openssl");
        assert!(
            done.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}
