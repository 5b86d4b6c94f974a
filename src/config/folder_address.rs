//! The address of a folder, on this machine or in a bucket, and whether it lies below another.

use std::path::PathBuf;

use object_store::path::Path;
use reqwest::Url;

/// A folder on this machine or in a bucket. Its path is plain: no part of it leads upwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderAddress {
    /// `None` on this machine.
    bucket: Option<String>,
    /// From the root of the machine or of the bucket.
    parts: Vec<String>,
}

impl FolderAddress {
    /// Reads an address such as `file:///data/drops/` or `s3://bucket/drops/`.
    ///
    /// # Errors
    ///
    /// What is wrong and what to do, without the address: it may contain a password.
    pub fn parse(address: &str) -> Result<Self, &'static str> {
        const NO_FOLDER: &str = "is not the address of a folder; write one such as `file:///data/drops/` or `s3://bucket/drops/`, without user and password; set those of S3 with `AWS_…` variables";

        check_plain(address)?;
        let url = Url::parse(address).map_err(|_| NO_FOLDER)?;
        let has_login = !url.username().is_empty() || url.password().is_some();
        if has_login || url.query().is_some() || url.fragment().is_some() {
            return Err(NO_FOLDER);
        }
        let bucket = match (url.scheme(), url.host_str()) {
            ("file", None) if address.starts_with("file:///") => None,
            ("s3", Some(bucket)) => Some(bucket.to_owned()),
            _ => return Err(NO_FOLDER),
        };
        let path = Path::from_url_path(url.path()).map_err(|_| NO_FOLDER)?;

        Ok(Self {
            bucket,
            parts: path.parts().map(|part| part.as_ref().to_owned()).collect(),
        })
    }

    #[must_use]
    pub fn is_local(&self) -> bool {
        self.bucket.is_none()
    }

    /// Whether `other` is this folder or lies below it, by their addresses.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.bucket == other.bucket && other.parts.starts_with(&self.parts)
    }

    /// Whether one of two folders lies below the other, also by links on this machine.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let [one, two] = [self.without_links(), other.without_links()];

        self.holds(other) || other.holds(self) || one.holds(&two) || two.holds(&one)
    }

    /// How many of the first parts of two addresses are the same.
    #[must_use]
    pub fn shared_parts(&self, other: &Self) -> usize {
        let both = self.parts.iter().zip(&other.parts);

        both.take_while(|(one, two)| one == two).count()
    }

    /// The path of a folder on this machine.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/{}", self.parts.join("/")))
    }

    /// The path below a folder that holds it; empty for the folder itself.
    #[must_use]
    pub fn path_below(&self, folder: &Self) -> PathBuf {
        self.parts.iter().skip(folder.parts.len()).collect()
    }

    /// The same folder by the path to which links lead, as far as it exists.
    fn without_links(&self) -> Self {
        let mut parts = self.parts.clone();
        let mut missing = Vec::new();
        while self.is_local() && !parts.is_empty() {
            let path = format!("/{}", parts.join("/"));
            if let Ok(found) = std::fs::canonicalize(path) {
                let found = found.to_string_lossy();
                parts = found
                    .split('/')
                    .filter(|part| !part.is_empty())
                    .map(ToOwned::to_owned)
                    .collect();
                break;
            }
            missing.extend(parts.pop());
        }
        parts.extend(missing.into_iter().rev());

        Self {
            bucket: self.bucket.clone(),
            parts,
        }
    }
}

/// Refuses what an address parser would read as another path.
fn check_plain(address: &str) -> Result<(), &'static str> {
    let decoded = address.to_ascii_lowercase().replace("%2e", ".");
    if decoded.split('/').any(|part| part == "." || part == "..") {
        return Err("has a part `.` or `..`; write the path that it leads to");
    }
    if address.contains(|sign: char| sign == '\\' || sign.is_control())
        || decoded.contains("%2f")
        || decoded.contains("%5c")
    {
        return Err("has a backslash, a control character or an encoded slash; write a plain path");
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use super::FolderAddress;

    fn address(text: &str) -> FolderAddress {
        FolderAddress::parse(text).expect(text)
    }

    #[test]
    fn a_folder_holds_what_lies_below_it_and_no_folder_whose_name_only_begins_alike() {
        let drops = address("file:///data/drops");
        for below in ["file:///data/drops/", "file:///data/drops/a%20b/c"] {
            assert!(drops.holds(&address(below)), "{below}");
        }
        for other in ["file:///data/drops2/", "file:///data", "s3://data/drops/"] {
            assert!(!drops.holds(&address(other)), "{other}");
        }
    }

    #[test]
    fn an_address_that_leads_upwards_is_refused() {
        for text in [
            "file:///data/../etc/",
            "file:///data/%2e%2E/etc/",
            "file:///data/.%2e/etc/",
            "file:///data/..",
            "file:///data/..\\..\\etc/",
            "file:///data/.\t./etc/",
            "file:///data/..%2fetc/",
            "s3://bucket/drops/../other/",
            "file:///data/drops#/",
            "file://host/data/",
            "s3://user:secret@bucket/",
            "https://host/drops/",
        ] {
            assert!(FolderAddress::parse(text).is_err(), "{text}");
        }
    }
}
