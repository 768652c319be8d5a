//! A beginners' tutorial for Docker, typed word for word: `docker` is a link to this program.
//!
//! The tutorial pulls alpine and nginx. Here the built-in images have these names, as there is no registry in a test.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

use crate::harness::{Place, Role, filter, missing};

const FILES: &str = "\
//- first/Dockerfile
# base image for building container
FROM docker.io/alpine
# add maintainer label
LABEL maintainer=\"ekaba.bisong@example.com\"
# copy script from local machine to container filesystem
COPY date-script.sh /date-script.sh
# execute script
CMD sh date-script.sh
//- first/date-script.sh
#! /bin/sh
DATE=\"$(date)\"
echo \"Todays date is $DATE\"
//- server/Dockerfile
# base image for building container
FROM docker.io/nginx
# add maintainer label
LABEL maintainer=\"ekaba.bisong@example.com\"
# copy html file from local machine to container filesystem
COPY html/index.html /usr/share/nginx/html
# port to expose to the container
EXPOSE 80
//- server/html/index.html
<h1>hello from the image</h1>
";

/// The tutorial's commands, typed in a shell, and what they print.
struct Shell<'p> {
    place: &'p Place,
    transcript: String,
}

impl Shell<'_> {
    fn new(place: &Place) -> Shell<'_> {
        let link = place.folder().join("bin");
        std::fs::create_dir(&link).unwrap();
        std::os::unix::fs::symlink(place.program(), link.join("docker")).unwrap();
        for (built_in, name) in [("layerlab/base", "alpine"), ("layerlab/web", "nginx")] {
            assert_eq!(place.run(&format!("tag {built_in} {name}")), "");
        }
        place.run("rmi layerlab/base layerlab/web");
        Shell { place, transcript: String::new() }
    }

    /// Types a line in a folder, and gives what it prints.
    fn type_line(&mut self, folder: &str, line: &str) -> String {
        let mut command = self.place.shell(line);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.place.folder().join("bin").display());
        command.env("PATH", path).current_dir(self.place.path(folder));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let text = text.replace(&self.place.folder().display().to_string(), "/place");
        self.transcript.push_str(&format!("$ {line}\n{text}"));
        text
    }
}

/// The whole tutorial but for what needs a registry.
#[test]
fn the_tutorial_works_word_for_word() {
    let mut roles = vec![Role::Self_];
    if nix::unistd::geteuid().is_root() {
        roles.extend([Role::Mapped, Role::Single]);
    } else {
        missing("the tutorial as another user: the tests don't run as root");
    }
    for role in roles {
        let place = Place::of(role, FILES);
        let mut shell = Shell::new(&place);
        shell.type_line("first", "docker build -t ekababisong.org/first_image .");
        shell.type_line("first", "docker images");
        let date = shell.type_line("first", "docker run ekababisong.org/first_image");
        assert!(date.starts_with("Todays date is "), "{date}");
        shell.type_line("server", "docker build -t ekababisong.org/nginx_server .");
        // The tutorial's port 8081 may be another's here.
        let id = shell.type_line(
            "server",
            "docker run -d -it --name ebisong-nginx -p 127.0.0.1::80 ekababisong.org/nginx_server",
        );
        assert_eq!(id.trim().len(), 64, "{id}");
        assert!(fetch(&shell.address()).contains("hello from the image"));
        shell.type_line("server", "docker ps");
        assert_eq!(shell.type_line("server", "docker stop ebisong-nginx"), "ebisong-nginx\n");
        shell.type_line("server", "docker ps -a");
        shell.type_line("server", "docker rm ebisong-nginx");
        let line = "docker run -d -it --name ebisong-nginx -p 127.0.0.1::80 -v /place/work/server/html:/usr/share/nginx/html \
                    ekababisong.org/nginx_server";
        shell.type_line("server", &line.replace("/place", &place.folder().display().to_string()));
        place.write("server/html/index.html", "<h1>edited</h1>\n");
        assert!(fetch(&shell.address()).contains("edited"));
        assert_eq!(shell.type_line("server", "docker kill ebisong-nginx"), "ebisong-nginx\n");
        shell.type_line("server", "docker rm $(docker ps -a -q)");
        shell.type_line(
            "server",
            "docker run -d -it --rm --name ebisong-nginx -p 127.0.0.1::80 ekababisong.org/nginx_server",
        );
        shell.type_line("server", "docker stop ebisong-nginx");
        assert_eq!(place.run("ps -a -q"), "", "it is gone when it ends");
        shell.type_line("server", "docker tag ekababisong.org/nginx_server ekababisong/ebisong-nginx-server:latest");
        shell.type_line("server", "docker rmi ekababisong.org/first_image");
        shell.type_line("server", "docker rmi -f $(docker images -q)");
        assert_eq!(place.run("images -q"), "");
        let kept = shell.transcript.lines().filter(|line| !line.starts_with("Todays date is "));
        let transcript: String = kept.map(|line| format!("{line}\n")).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(without_ports(&filter(
                &transcript.replace(&place.folder().display().to_string(), "/place")
            )));
        }
        place.assert_whole();
    }
}

impl Shell<'_> {
    /// Where the server is reached.
    fn address(&self) -> SocketAddr {
        let shown = self.place.run("port ebisong-nginx 80");
        shown.trim().parse().unwrap_or_else(|_| panic!("{shown}"))
    }
}

/// A page, as soon as there is a server.
fn fetch(address: &SocketAddr) -> String {
    use std::io::Write as _;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let mut answer = String::new();
        let fetched = TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            stream.read_to_string(&mut answer)
        });
        if fetched.is_ok() && answer.contains("200 OK") {
            return answer;
        }
        assert!(std::time::Instant::now() < end, "{answer}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The port that was free, as a sign.
fn without_ports(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        // The web image holds this very program.
        let line = if line.starts_with("nginx ") { &line[..line.rfind("   ").unwrap_or(line.len())] } else { line };
        for word in line.split(' ') {
            let port = word.strip_prefix("127.0.0.1:").and_then(|rest| rest.strip_suffix("->80/tcp"));
            words.push(port.map_or_else(|| word.to_owned(), |_| "127.0.0.1:PORT->80/tcp".to_owned()));
        }
        shown.push_str(&words.join(" "));
        shown.push('\n');
    }
    shown
}
