//! Which files are read, and what may be in them.

#[test]
fn a_file_that_leads_out_of_the_project_is_not_read() {
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(outside.path(), "select 1 as secret").expect("a file");
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("models")).expect("a folder");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("models/m.sql")).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("models/again")).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("models/and_again")).expect("a link");
    let project =
        icefront_project::Project::read(folder.path(), "shop", &crate::known()).expect("right");
    assert!(project.models.is_empty());
}
