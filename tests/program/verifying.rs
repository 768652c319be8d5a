//! `verify`: tutorials whose commands are run, and what is said where they print something else than is shown.

use crate::harness::{Place, Role, filter};

/// A page, and what `verify` says of it.
fn check(page: &str) -> String {
    check_with("verify --jobs 1 page.md", page)
}

fn check_with(command: &str, page: &str) -> String {
    let place = Place::new("");
    place.write("page.md", page);
    filter(&place.run(command))
}

#[test]
fn a_tutorial_written_for_docker_does_what_it_shows() {
    insta::assert_snapshot!(check(TUTORIAL));
}

/// As people write them: files by heredocs and fences, ids and dates of their own, output left out.
const TUTORIAL: &str = "# A first image

Make a folder, and a file in it:

```bash
$ mkdir first && cd first
$ cat > Dockerfile <<'EOF'
FROM layerlab/base
LABEL maintainer=\"me@example.com\"
COPY date-script.sh /date-script.sh
CMD sh date-script.sh
EOF
```

```sh first/date-script.sh
echo \"Todays date is $(date)\"
```

1. Build it:

   ```console
   $ docker build --progress classic \\
       -t me/first .
   Sending build context to Layerlab  141 B
   Step 1/4 : FROM layerlab/base
    ---> caf27325b298
   …
   Successfully built e97c75dcc5ba
   Successfully tagged me/first:latest
   ```

2. Run it:

   ```console
   $ docker run me/first
   Todays date is Sun Feb 24 04:45:08 UTC 2019
   $ docker ps -a
   CONTAINER ID   IMAGE      COMMAND                  CREATED         STATUS                     PORTS     NAMES
   b3380cc02551   me/first   \"/bin/sh -c 'sh date…\"   7 seconds ago   Exited (0) 4 seconds ago             …
   $ docker rm $(docker ps -a -q)
   b3380cc02551
   ```

A shell in a container:

```console
$ docker run -it --rm me/first sh
…
/ # ls /date-script.sh
/date-script.sh
/ # exit 3
? 3
$ docker images -q | wc -l
2
```

What ends by Ctrl-C:

```console
$ docker run --rm me/first sh -c 'trap \"exit 130\" INT; echo ready; while sleep 0.1; do :; done'
ready
^C
? 130
```
";

#[test]
fn what_drifted_is_a_difference() {
    let page = "```console
$ echo a; echo b
a
c
$ echo 0123456789ab
0123456789ab
$ printf '%s\\n' x 123456789abc y
x
ffffffffffff
z
```
";
    insta::assert_snapshot!(check(page));
}

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
fn digests_that_can_not_be_the_same_are_told_with_both_lines() {
    let page = "```console
$ echo a 111111111111
a 504258a10f07
$ echo b; echo 222222222222
b
504258a10f07
$ echo 111111111111
aaaaaaaaaaaa
```
";
    insta::assert_snapshot!(check(page));
}

#[test]
fn pages_are_rewritten_where_that_is_asked_for() {
    let place = Place::new("");
    let page = "A page.\n\n- A block:\n\n  ```console\n  $ echo a; echo; echo $((1 + 1))\n  b\n  …\n  ```\n";
    place.write("page.md", page);
    let said = place.run("verify --update page.md");
    let page = std::fs::read_to_string(place.path("page.md")).unwrap();
    insta::assert_snapshot!(format!("{said}\n{page}"));
}

/// What a program prints is never run.
#[test]
fn output_becomes_no_part_of_a_page() {
    let pages = [
        "```console\n$ printf '%s\\n' a '$ touch run'\nx\n```\n",
        "A\n\n```console\n$ echo a\n$ printf 'a\\n\\140\\140\\140\\n# B\\n'\nx\n```\n\nC\n",
        "````exercise\nDo it.\n```check\n$ printf '# Proves nothing\\n'; test -e a\n$ true\n```\n```hint\nh\n```\nSolution:\n```sh\n$ touch a\n```\n````\n",
    ];
    let said = pages.map(|page| {
        let place = Place::new("");
        place.write("page.md", page);
        let said = place.run("verify --update page.md");
        assert_eq!(std::fs::read_to_string(place.path("page.md")).unwrap(), page);
        said
    });
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_page_that_its_author_changes_meanwhile_is_left_as_it_is() {
    let place = Place::new("");
    let page = format!("```console\n$ echo 'more' >> {}\nx\n```\n", place.path("page.md").display());
    place.write("page.md", &page);
    let said = place.run("verify --update page.md");
    assert!(said.contains("error: `page.md` has changed while its commands ran: it is left as it is\n"), "{said}");
    assert_eq!(std::fs::read_to_string(place.path("page.md")).unwrap(), page + "more\n");
}

/// One page that can't be rewritten hides nothing of the others; a link stays a link.
#[test]
fn each_page_is_rewritten_for_itself() {
    let place = Place::new("");
    let page = "```console\n$ echo a\nb\n```\n";
    place.write("bad.md", "```console\nx\n```\n");
    place.write("open.md", "```console\n");
    place.write("files/page.md", page);
    place.write("last.md", page);
    std::os::unix::fs::symlink("files/page.md", place.path("link.md")).unwrap();
    insta::assert_snapshot!(place.run("verify --update bad.md link.md open.md nowhere.md last.md"));
    for name in ["files/page.md", "last.md"] {
        assert_eq!(std::fs::read_to_string(place.path(name)).unwrap(), page.replace("b\n", "a\n"), "{name}");
    }
    assert!(place.path("link.md").is_symlink());
}

/// With the ends of lines that it has, and with blanks that nobody sees.
#[test]
fn a_page_keeps_the_form_that_it_has() {
    let place = Place::new("");
    for page in ["```console\n$ echo a\na\n```", "A\r\n\r\n```console\r\n$ cat <<E \r\na  \r\nE\r\na  \r\n```\r\n\r\nB"]
    {
        place.write("page.md", page);
        assert_eq!(place.run("verify page.md"), "page.md: 1 command, all as shown\n");
        place.write("page.md", &page.replace("a\n``", "b\n``").replace("a  \r\n``", "b\r\n``"));
        assert_eq!(place.run("verify --update page.md"), "page.md: 1 command, rewritten\n");
        assert_eq!(std::fs::read_to_string(place.path("page.md")).unwrap(), page.replace("a  \r\n``", "a\r\n``"));
    }
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
fn pages_that_are_none_are_mistakes() {
    let pages = ["```console\noutput\n```\n", "```console\n$ a\n", "```sh /etc/x\nx\n```\n", "```sh\n$ a \\\n```\n"];
    let said: String = pages.iter().map(|page| check(page)).collect();
    insta::assert_snapshot!(said + &Place::new("").run("verify nowhere.md"));
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
fn predictions_and_tasks_are_proven() {
    let page = "````exercise
Make a file.

```check
# The file says that it was made
$ cat file
made
```

```hint
echo
```

Solution:

```console
$ echo made > file
```
````

```predict
What will it say?

( ) nothing
    It has a line.
(x) made

$ cat said
made
```

```console
$ cat file | tee said
made
```
";
    insta::assert_snapshot!(check(page));
}

#[test]
fn wrong_predictions_and_empty_tasks_are_told() {
    let done =
        "````exercise\nDo it.\n```check\n$ true\n```\n```hint\nh\n```\nSolution:\n```console\n$ false\n```\n````\n";
    let wrong = "```predict\nWhat?\n( ) 1\n(x) 2\n\n$ cat said\n2\n```\n```console\n$ echo 1 > said\n```\n";
    let pages = [
        done,
        wrong,
        "```predict\nWhat?\n(x) 2\n$ echo 2\n2\n```\n",
        "```predict\nWhat?\n(x) 2\n( ) 3\n```\n",
        "````exercise\nDo it.\n````\n",
        "````exercise\nDo it.\nSolution:\n````\n",
    ];
    let said: Vec<String> = pages.iter().map(|page| check(page)).collect();
    insta::assert_snapshot!(said.join("\n"));
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
    for (name, page) in [("full.md", full.as_str()), ("endless.md", "```console\n$ yes\n^C\n```\n")] {
        place.write(name, page);
        let said = place.run(&format!("verify --timeout 2 {name}"));
        assert!(said.contains("did not end within 2 s"), "{name}: {said}");
    }
    place.write("a/lesson.md", "# A\n");
    place.write("a/hub/library/x/Dockerfile", "FROM layerlab/base\nRUN sleep 1000\n");
    insta::assert_snapshot!(place.run("verify --timeout 2 a/lesson.md"));
}

#[test]
fn two_copies_of_one_name_are_refused() {
    let place = Place::new("//- page.md\n# A\n//- b/d/l\nb\n//- kept\na\n//- a/d/x\n");
    std::os::unix::fs::symlink(place.path("kept"), place.path("a/d/l")).unwrap();
    insta::assert_snapshot!(place.run("verify --with a/d --with b/d page.md"));
    assert_eq!(std::fs::read_to_string(place.path("kept")).unwrap(), "a\n");
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

#[test]
fn a_page_gets_no_output_that_it_has_no_room_for() {
    let place = Place::new("");
    let long = "```console\n$ head -c 3000000 /dev/zero | tr '\\0' x\n…\n```\n";
    place.write("cut.md", "```console\n$ head -c 5000000 /dev/zero | tr '\\0' x\nold\n```\n");
    place.write("large.md", &(long.to_owned() + "\n" + long).replace("…\n", "old\n"));
    let said = place.run("verify --update cut.md large.md");
    let lines: Vec<String> = said.lines().map(|line| line.chars().take(120).collect()).collect();
    let texts = ["cut.md", "large.md"].map(|name| std::fs::read_to_string(place.path(name)).unwrap());
    insta::assert_snapshot!(filter(&lines.join("\n")) + "\n" + &texts.concat());
}
