//! `verify`: the shell at which the commands of a page are typed, what stays in it, and when it is ended.

use crate::comparing::{check, check_with};
use crate::harness::{Place, Role};

#[test]
fn a_session_takes_each_edit_and_each_ctrl_c() {
    let page = "```console
$ printf 'RUN <<EOF\\n' > note
$ cat note
RUN <<EOF
$ sh -c 'n=0; trap \"n=\\$((n + 1)); echo caught \\$n\" INT; echo ready; while [ $n -lt 2 ]; do sleep 0.1; done'
ready
^C
caught 1
^C
caught 2
```

```dockerfile Dockerfile
FROM scratch
LABEL a=1
```

```diff
-LABEL a=1
+LABEL a=2
```

```layerlab
$ layerlab step .
…
(layerlab) edit Dockerfile
…
```

```diff
-LABEL a=2
+LABEL a=3
```

```layerlab
(layerlab) edit Dockerfile
…
$ tail -n 1 Dockerfile
LABEL a=3
```
";
    insta::assert_snapshot!(check(page));
}

/// A shell has what it starts in the background ignore Ctrl-C.
#[test]
fn a_command_takes_ctrl_c_where_we_ignore_it() {
    let place = Place::new("");
    place.write("page.md", "```console\n$ echo ready; sleep 60\nready\n^C\n? 130\n```\n");
    insta::assert_snapshot!(place.shell_session(&["trap '' INT QUIT; \"$L\" verify page.md"], &[]));
}

#[test]
fn failures_are_told() {
    let page = "```console
$ false
$ sh -c 'exit 3'
? 4
$ exit 5
$ echo the next shell
the next shell
$ cat
$ if
$ echo still here
still here
```
";
    insta::assert_snapshot!(check(page));
}

#[test]
fn what_takes_too_long_is_ended() {
    let page = "```console\n$ echo begun; sleep 1000\nbegun\n$ echo next\nnext\n```\n";
    insta::assert_snapshot!(check_with("verify --timeout 1 page.md", page));
}

#[test]
fn folders_and_variables_stay_from_command_to_command() {
    let page = "```console
$ mkdir a && cd a
$ export WHERE=here
$ x=1
$ echo $WHERE $x ${PWD##*/}
here 1 a
```

```text a/b/file
written
```

```diff a/b/file
-written
+changed
```

```console
$ cat b/file
changed
```
";
    insta::assert_snapshot!(check(page));
}

/// At a terminal the shell asks for more with `> `; output that begins so stays output.
#[test]
fn commands_go_on_as_at_a_terminal() {
    let page = "```console
$ for name in a b; do
>   echo \"in $name\"
> done
in a
in b
$ printf '%s\\n' 'one
> two'
one
two
$ echo '> quoted'
> quoted
$ (exit 3) ||
>
> echo three
three
```
";
    insta::assert_snapshot!(check(page), @"page.md: 4 commands, all as shown");
}

/// Nothing of a page stays: neither its folder nor its containers.
#[test]
fn nothing_is_left_of_a_page() {
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        let place = Place::of(role, "");
        let closed = "$ mkdir -p a/b && chmod 0 a/b a\n";
        let kept = "$ docker run -d --name kept layerlab/base sleep 1000\n123456789abc\n";
        place.write("page.md", &format!("```console\n{kept}{closed}```\n"));
        place.write("tmp/", "");
        if role != Role::Self_ {
            place.give(&place.path("tmp"));
        }
        let mut verify = place.command("verify page.md");
        let output = verify.env("TMPDIR", place.path("tmp")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, "page.md: 2 commands, all as shown\n", "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0, "{role:?}");
    }
}

#[test]
fn any_time_out_is_taken() {
    let place = Place::new("//- page.md\n```console\n$ echo a\na\n```\n");
    assert_eq!(place.run("verify --timeout 18446744073709551615 page.md"), "page.md: 1 command, all as shown\n");
}

/// Neither a terminal that takes nothing more, nor output without end, nor a registry that is not made holds anybody up.
#[test]
fn no_page_takes_longer_than_it_may() {
    let typed: String = (0..60).map(|_| format!("/ # {}\n", "x".repeat(3000))).collect();
    let full = format!("```console\n$ while :; do printf '\\n/ # '; sleep 0.1; done\n{typed}```\n");
    let place = Place::new("");
    for (name, page) in [("full.md", full.as_str()), ("endless.md", "```console\n$ yes\n…\n```\n")] {
        place.write(name, page);
        let said = place.run(&format!("verify --timeout 2 {name}"));
        assert!(said.contains("did not end within 2 s"), "{name}: {said}");
    }
    place.write("a/lesson.md", "# A\n");
    place.write("a/hub/library/x/Dockerfile", "FROM layerlab/base\nRUN sleep 1000\n");
    insta::assert_snapshot!(place.run("verify --timeout 2 a/lesson.md"));
}

/// What a page defines is its own affair.
#[test]
fn no_function_of_a_page_answers_for_its_shell() {
    let page = "```console
$ printf() { :; }; read() { :; }
$ false
? 1
$ exit 3
? 3
```
";
    assert_eq!(check_with("verify --timeout 20 page.md", page), "page.md: 3 commands, all as shown\n");
}

/// What it sets in its shell, and does with it, is meant for its own commands. Who types them goes on, unseen.
#[test]
fn a_page_may_do_with_its_shell_what_it_likes() {
    let pages: [&[&str]; 10] = [
        &["$ set -- a b", "$ echo $1 $#", "a 2"],
        &[
            "$ PS4=; set -x",
            "$ echo a",
            "echo a",
            "a",
            "$ (exit 3)",
            "exit 3",
            "? 3",
            "$ set +x",
            "set +x",
            "$ echo a",
            "a",
        ],
        &["$ set -eu", "$ echo a", "a", "$ false", "? 1", "$ echo next", "next"],
        &["$ set -a; IFS=0", "$ env | grep ^layerlab", "? 1"],
        &["$ command() { echo mine; }", "$ false", "? 1", "$ echo a", "a"],
        &["$ x=1; break", "$ echo $x", "1", "$ continue", "$ echo $x", "1"],
        &["$ trap 'echo 7 >&0; echo 7 7 >&7; cat' EXIT", "$ exit 3", "…", "? 3", "$ echo next", "next"],
        &["$ trap 'sleep 1000 &' EXIT", "$ exit 3", "? 3", "$ echo next", "next"],
        &["$ exec sh -c 'sleep 1; echo a; exit 3'", "a", "? 3", "$ echo next", "next"],
        &["$ exec 4>&1 > file 2>&1", "$ echo a; cat nowhere", "? 1", "$ exec >&4 2>&4", "$ head -n 1 file", "a"],
    ];
    for page in pages {
        let said = check_with("verify --timeout 60 page.md", &format!("```console\n{}\n```\n", page.join("\n")));
        let commands = page.iter().filter(|line| line.starts_with("$ ")).count();
        assert_eq!(said, format!("page.md: {commands} commands, all as shown\n"), "{page:?}");
    }
}
