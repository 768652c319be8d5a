//! Git repositories for tests, real ones, served by git's own `http-backend` on this machine's loopback.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::registry::{Asked, Fake, answer};

/// Repositories on a server. Each is a folder with its files; commits have the same ids each time.
pub struct Repositories {
    folder: tempfile::TempDir,
    pub fake: Fake,
}

impl Repositories {
    pub fn start() -> Repositories {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let root = folder.path().to_owned();
        Repositories { folder, fake: Fake::start(move |asked| backend(&root, asked)) }
    }

    pub fn host(&self) -> String {
        self.fake.host()
    }

    pub fn path(&self, repository: &str) -> PathBuf {
        self.folder.path().join(repository)
    }

    /// Makes an empty repository.
    pub fn make(&self, repository: &str) {
        std::fs::create_dir_all(self.path(repository)).unwrap();
        self.git(repository, &["init", "--quiet"]);
    }

    pub fn write(&self, repository: &str, file: &str, text: &str) {
        let path = self.path(repository).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all files. Gives the commit's id.
    pub fn commit(&self, repository: &str, message: &str) -> String {
        self.git(repository, &["add", "--all"]);
        self.git(repository, &["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    /// Makes a repository with one commit.
    pub fn make_with(&self, repository: &str, files: &[(&str, &str)]) -> String {
        self.make(repository);
        files.iter().for_each(|(file, text)| self.write(repository, file, text));
        self.commit(repository, "one")
    }

    pub fn git(&self, repository: &str, arguments: &[&str]) -> String {
        self.git_with(repository, arguments, b"")
    }

    /// Runs git with something on its standard input.
    pub fn git_with(&self, repository: &str, arguments: &[&str], input: &[u8]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"]).args(arguments);
        command.current_dir(self.path(repository));
        for name in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{name}_NAME"), "A Student")
                .env(format!("GIT_{name}_EMAIL"), "student@example.org");
            command.env(format!("GIT_{name}_DATE"), "1600000000 +0000");
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// What was asked: each request in short.
    pub fn asked(&self) -> Vec<String> {
        self.fake.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

/// What git's own server answers: it is a CGI program (RFC 3875).
pub fn backend(root: &Path, asked: &Asked) -> Vec<u8> {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("PATH_INFO", path).env("QUERY_STRING", query).env("REQUEST_METHOD", &asked.method);
    for (variable, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        if let Some(value) = asked.header(header) {
            command.env(variable, value);
        }
    }
    command.env("CONTENT_LENGTH", asked.body.len().to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let body = asked.body.clone();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let status = headers.iter().find(|(name, _)| *name == "Status").map_or("200 OK", |(_, value)| *value);
    answer(status, &headers, output.get(end + 4..).unwrap_or_default())
}
