//! Lines that people type who know another debugger, Docker, git or a shell: what each does here.
//!
//! Each group is one session of a Dockerfile without a program in it, so that nothing depends on the machine.

use crate::repl::Class;

const FILES: &str = "\
//- Dockerfile
FROM scratch AS build
COPY one.txt /etc/one.txt
ENV NAME=value
COPY two.txt /etc/two.txt

FROM scratch
COPY --from=build /etc /etc
//- one.txt
1
//- two.txt
2
//- editor.sh
exit 0
";

/// A session of the lines, which stand several on a line here.
fn session(lines: &str) -> String {
    let lines: Vec<&str> = lines.lines().flat_map(|line| line.split(" ; ")).map(str::trim).collect();
    Class::new(FILES).session(&["."], &(lines.join("\n") + "\n"))
}

#[test]
fn gdb() {
    insta::assert_snapshot!(session(
        "r ; start ; b 3 ; break 22 ; break Dockerfile:4 ; tbreak 3 ; info breakpoints ; i b ; info break ; disable 1 ; b
        enable 1 ; delete 1 ; d 1 ; delete 9 ; delete ; delete 2 ; condition 1 x ; watch x ; n ; next ; s ; si ; ni ; bt
        backtrace ; where ; f ; frame 1 ; up ; down ; info ; info locals ; info args ; info line ; info registers ; p x
        print $NAME ; x/4x 1 ; display x ; set x=1 ; undo ; reverse-step ; rs ; rc ; reverse-continue ; until 4 ; advance 4
        jump 4 ; goto 22 ; goto :4 ; kill ; call f ; ptype x ; l ; list 3 ; list :3 ; list main ; disas ; layout src ; tui
        attach 1 ; apropos x ; finish ; fin ; c ; run ; rerun ; b nowhere ; break 1 if x ; delete all"
    ));
}

#[test]
fn pdb_and_lldb() {
    insta::assert_snapshot!(session(
        "breakpoint set -l 4 ; breakpoint list ; br 4 ; breakpoint delete 1 ; breakpoint disable 1 ; breakpoint enable 1 ; b 2
        ll ; longlist ; w ; pp NAME ; args ; interact ; j 4 ; unt 4 ; tb 2 ; cl 1 ; thread step-in ; thread step-over
        thread step-out ; thread backtrace ; frame variable ; expr x ; po x ; process launch ; process continue ; step-over
        restart ; return ; source list ; image list ; register read ; exit()"
    ));
}

#[test]
fn docker() {
    insta::assert_snapshot!(session(
        "docker ps ; ps ; ps -a ; docker pull alpine ; pull alpine ; docker exec -it web sh ; exec ls ; docker logs web ; logs
        docker build -t a . ; build . ; docker images ; images ; docker run -it a sh ; docker inspect a ; inspect ; rmi a
        docker history a ; docker version ; version ; --version ; docker info ; commit ; docker commit a b ; docker tag a b
        docker cp a:/b . ; docker push a ; push ; login ; search alpine ; docker system prune ; prune ; docker compose up
        compose up ; network ls ; inspect ; volume ls ; docker rm a ; stop ; docker stop a ; docker volume ls ; docker ; docker nosuch
        podman ps ; load ; import ; docker diff a ; docker save a ; buildx ; layerlab build . ; kubectl get pods"
    ));
}

#[test]
fn git() {
    insta::assert_snapshot!(session(
        "step 2 ; git status ; status ; git diff ; git diff --cached ; git log ; log ; git show ; git add . ; git commit -m x
        git checkout 1 ; checkout main ; git reset --hard ; git blame Dockerfile ; blame ; git push ; git pull ; git stash
        git tag lab/x ; git ; git nosuch ; revert"
    ));
}

#[test]
fn shells_and_editors() {
    insta::assert_snapshot!(session(
        "pwd ; cd /etc ; step 4 ; ls -la ; ls -la /etc ; ls -l etc ; ll ; dir /etc ; cat /etc/one.txt /etc/two.txt ; cat -n /etc/one.txt
        cat /etc/one.txt /etc/none ; less /etc/one.txt ; more /etc/one.txt ; cat /etc/one.txt | grep 1 ; ls /etc | wc -l
        cat /etc/two.txt | sha256sum ; env | grep NAME ; config | grep -c Env ; layers | head -n 1 ; ls > out ; ls |
        cat /etc/one.txt | exit 3 ; tree -a / ; mkdir /x ; rm -rf / ; touch /a ; apt-get install vim ; apk add curl ; pip install x
        npm ci ; chmod 755 /etc ; echo a > /b ; curl example.com ; make ; export A=1 ; set A=1 ; sudo ls ; bash -c x ; sh -c x ; clear ; cls
        vim Dockerfile ; vi ; nano one.txt ; edit nosuch.txt ; :wq ; man ls ; help me
        jobs ; fg ; alias x=y ; source x ; !! ; which ; history ; reset ; printenv ; python x.py ; node ; go ; cargo build ; f
        wq ; ZZ ; x y ; HELP ; Step ; stpe ; form scratch ; cpoy a b ; add a b ; pwdd ; lss ; q!"
    ));
}
