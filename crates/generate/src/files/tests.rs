//! Files as they lie in the folder.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use tempfile::TempDir;

use super::*;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        contents.insert(name.into_owned(), std::fs::read(&path)?);
    }
    Ok(contents)
}

#[tokio::test]
async fn the_same_seed_writes_the_same_bytes_however_fast() -> Result<()> {
    let (slow, fast) = (TempDir::new()?, TempDir::new()?);
    let args = GenerateFiles {
        files: Some(100),
        broken: 0.3,
        ..GenerateFiles::quietly(fast.path())
    };
    args.clone().run().await?;
    let summary = GenerateFiles {
        into: slow.path().to_owned(),
        interval: Duration::from_millis(2),
        ..args.clone()
    }
    .run()
    .await?;
    let written = contents(slow.path())?;
    assert_eq!(written, contents(fast.path())?);
    assert_eq!(written.len(), 100);
    assert!(written.keys().all(|name| !name.starts_with('.')));
    assert_eq!(summary.formats.len(), 4, "{summary}");
    assert!(summary.broken() > 0 && summary.empty() > 0, "{summary}");
    let no_bytes = written.values().filter(|bytes| bytes.is_empty()).count();
    assert_eq!(summary.empty(), no_bytes as u64, "{summary}");
    Ok(())
}

#[tokio::test]
async fn a_time_ends_the_files_with_one_that_owes_nothing() -> Result<()> {
    let folder = TempDir::new()?;
    let summary = GenerateFiles {
        duration: Some(Duration::from_millis(500)),
        interval: Duration::from_mins(1),
        late: 1.0,
        repeated: 0.0,
        ..GenerateFiles::quietly(folder.path())
    }
    .run()
    .await?;
    assert_eq!((summary.files(), summary.rows, summary.late), (2, 50, 0));
    Ok(())
}

#[tokio::test]
async fn what_would_mix_up_files_or_waits_is_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let args = GenerateFiles {
        files: Some(1),
        ..GenerateFiles::quietly(folder.path())
    };
    args.clone().run().await?;
    let again = args.clone().run().await;
    assert!(matches!(
        again,
        Err(GenerateError::SeedUsed { seed: 1, .. })
    ));
    let another = GenerateFiles {
        seed: 2,
        ..args.clone()
    };
    assert!(another.clone().run().await.is_ok());
    let jitter = Some(Duration::from_secs(1));
    let hurried = GenerateFiles {
        seed: 3,
        jitter,
        ..another.clone()
    }
    .run()
    .await;
    assert!(matches!(hurried, Err(GenerateError::Jitter { .. })));
    let file = folder.path().join("a_file");
    std::fs::write(&file, "")?;
    let into = file.join("below");
    let nowhere = GenerateFiles { into, ..another }.run().await;
    assert!(matches!(nowhere, Err(GenerateError::Folder { .. })));
    Ok(())
}

#[test]
fn shares_lie_between_none_and_all() {
    for right in ["0", "0.05", "1", "1e-3"] {
        assert!(parse_share(right).is_ok(), "{right}");
    }
    for wrong in ["", "5%", "-0.1", "1.1", "nan"] {
        assert!(parse_share(wrong).is_err(), "{wrong}");
    }
}
