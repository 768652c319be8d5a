//! A real server: nginx as Debian packages it, in an image that is made of this machine's files, its page seen in a real browser.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Place, Role, missing};

/// Where Debian puts it.
const NGINX: &str = "/usr/sbin/nginx";

/// As the image `nginx` is: its files belong to it alone, its log is the container's output.
const FILES: &str = "\
//- nginx/Dockerfile
FROM layerlab/base
COPY root/ /
COPY nginx.conf /etc/nginx/nginx.conf
RUN mkdir -p /usr/share/nginx/html /var/lib/nginx /var/log/nginx && ln -s /dev/stdout /var/log/nginx/access.log && ln -s /dev/stderr /var/log/nginx/error.log
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD [\"nginx\", \"-g\", \"daemon off;\"]
//- nginx/nginx.conf
worker_processes 1;
events {}
http {
    include mime.types;
    server {
        listen 80;
        root /usr/share/nginx/html;
    }
}
//- server/Dockerfile
FROM docker.io/nginx
LABEL maintainer=\"ekaba.bisong@example.com\"
COPY html/index.html /usr/share/nginx/html
EXPOSE 80
//- server/html/index.html
<!doctype html><title>first</title><h1>hello from the image</h1><script>document.title = 'a browser was here'</script>
";

/// Copies nginx, with the libraries that it says it needs.
fn copy_nginx(place: &Place) {
    let libraries = Command::new("ldd").arg(NGINX).output().unwrap();
    let libraries = String::from_utf8(libraries.stdout).unwrap();
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    for file in libraries.chain([NGINX, "/etc/nginx/mime.types"]) {
        let to = place.path("nginx/root").join(file.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(file, &to).unwrap();
    }
    place.give(&place.path("nginx"));
}

/// The address that is published for a container's port 80.
fn address(place: &Place, container: &str) -> String {
    place.run(&format!("port {container} 80")).trim().to_owned()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{program}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// The page, as soon as there is a server.
fn fetched(address: &str) -> String {
    output("curl", &["--silent", "--show-error", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", address])
}

#[test]
fn a_real_nginx_serves_a_real_browser() {
    if !Path::new(NGINX).exists() {
        return missing("a real nginx: it is not installed");
    }
    let mut roles = vec![Role::Self_];
    if nix::unistd::geteuid().is_root() {
        roles.extend([Role::Mapped, Role::Single]);
    } else {
        missing("nginx as another user: the tests don't run as root");
    }
    for role in roles {
        let place = Place::of(role, FILES);
        copy_nginx(&place);
        place.run("build -q -t docker.io/library/nginx nginx");
        place.run("build -q -t ekababisong.org/nginx_server server");
        let id = place.run("run -d -it --name ebisong-nginx -p 127.0.0.1::80 ekababisong.org/nginx_server");
        assert_eq!(id.trim().len(), 64, "{id}");
        let served = address(&place, "ebisong-nginx");
        let page = fetched(&served);
        assert!(page.contains("hello from the image"), "{page}");
        if role == Role::Self_ {
            seen_in_a_browser(&served);
        }
        let log = place.run("logs ebisong-nginx");
        assert!(log.contains("\"GET / HTTP/1.1\" 200"), "{log}");
        assert_eq!(place.run("stop ebisong-nginx"), "ebisong-nginx\n");
        assert_eq!(place.run("wait ebisong-nginx"), "0\n", "SIGQUIT lets it end by itself");
        assert_eq!(place.run("rm ebisong-nginx"), "ebisong-nginx\n");
        let html = place.path("server/html");
        let mount = format!("-v {}:/usr/share/nginx/html", html.display());
        place.run(&format!("run -d -it --rm --name live -p 127.0.0.1::80 {mount} ekababisong.org/nginx_server"));
        let served = address(&place, "live");
        assert!(fetched(&served).contains("hello"));
        place.write("server/html/index.html", "<h1>edited</h1>\n");
        assert!(fetched(&served).contains("edited"));
        assert_eq!(place.run("kill live"), "live\n");
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !place.run("ps -a -q").is_empty() {
            assert!(std::time::Instant::now() < end, "`--rm` has not removed it");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        place.assert_whole();
    }
}

/// Opens the page in a browser that runs its script.
fn seen_in_a_browser(address: &str) {
    if Command::new("chromium").arg("--version").output().is_err() {
        return missing("a page in a browser: there is no chromium");
    }
    let profile = tempfile::tempdir().unwrap();
    let profile = format!("--user-data-dir={}", profile.path().display());
    let url = format!("http://{address}/");
    let arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &profile, "--dump-dom"];
    let page = output("chromium", &[&arguments[..], &[&url]].concat());
    assert!(page.contains("a browser was here") && page.contains("hello from the image"), "{page}");
}
