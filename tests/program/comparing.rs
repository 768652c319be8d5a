//! `verify`: tutorials whose commands are run, and what is said where they print something else than is shown.

use crate::harness::{Place, filter};

/// A page, and what `verify` says of it.
pub(crate) fn check(page: &str) -> String {
    check_with("verify --jobs 1 page.md", page)
}

pub(crate) fn check_with(command: &str, page: &str) -> String {
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
fn pages_that_are_none_are_mistakes() {
    let pages = ["```console\noutput\n```\n", "```console\n$ a\n", "```sh /etc/x\nx\n```\n", "```sh\n$ a \\\n```\n"];
    let said: String = pages.iter().map(|page| check(page)).collect();
    insta::assert_snapshot!(said + &Place::new("").run("verify nowhere.md"));
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
fn two_copies_of_one_name_are_refused() {
    let place = Place::new("//- page.md\n# A\n//- b/d/l\nb\n//- kept\na\n//- a/d/x\n");
    std::os::unix::fs::symlink(place.path("kept"), place.path("a/d/l")).unwrap();
    insta::assert_snapshot!(place.run("verify --with a/d --with b/d page.md"));
    assert_eq!(std::fs::read_to_string(place.path("kept")).unwrap(), "a\n");
}
