//! Whole sessions as a person sees them: the rows of a terminal's screen, scrolled ones included, at several widths.
//!
//! What the program writes goes through a model of a terminal, so that wrapping, rewritten lines and the cursor count. No row may be wider
//! than the terminal: only a prompt with what was typed behind it may go on in the next row.

use std::fs;
use std::time::{Duration, Instant};

use super::pty::Pty;
use super::terminal::Screen;

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);
const WIDTHS: [u16; 3] = [60, 80, 130];
const ROWS: u16 = 24;

/// A person at a terminal.
pub struct Person {
    pty: Pty,
    pub model: vt100::Parser,
    /// All that was written to the terminal.
    pub written: String,
    /// The rows that were seen before the terminal became another.
    before: String,
}

impl Person {
    /// Files are given as `//- path` headers, each followed by its lines; they are in `context` below the folder that is given.
    fn sits_down(columns: u16, files: &str) -> (tempfile::TempDir, Person) {
        let folder = tempfile::tempdir().unwrap();
        let context = folder.path().join("context");
        fs::create_dir(&context).unwrap();
        for part in files.split("//- ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap();
            fs::write(context.join(name.trim()), text).unwrap();
        }
        let editor = folder.path().join("edit");
        fs::write(&editor, "#!/bin/sh\nsed -i 's/ecko/echo/' \"$1\"\n").unwrap();
        fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let variables = [("LAYERLAB_BASE", "busybox"), ("EDITOR", editor.to_str().unwrap())];
        let screen = Screen::start((columns, ROWS), &context, &["step", "--color", "never", "."], &variables);
        let mut person = Person::at(screen.pty, columns);
        person.prompt();
        (folder, person)
    }

    /// At a terminal of so many columns that is there already.
    pub fn at(pty: Pty, columns: u16) -> Person {
        Person { pty, model: model(columns), written: String::new(), before: String::new() }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.model.process(bytes);
        self.written.push_str(&String::from_utf8_lossy(bytes));
    }

    /// Takes in what comes until the screen is as wanted.
    pub fn see(&mut self, what: &str, is_there: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_there(self.model.screen()) {
            match self.pty.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take_in(&bytes),
                Err(_) => panic!("{what} did not appear:\n{}", self.model.screen().contents()),
            }
        }
    }

    /// Waits for a prompt with nothing behind it: the cursor stands there.
    pub fn prompt(&mut self) {
        self.see("a prompt", |screen| {
            let (row, column) = screen.cursor_position();
            let line = screen.rows(0, screen.size().1.get()).nth(row.into()).unwrap_or_default();
            let line = line.trim_end();
            line.starts_with("(layerlab") && line.ends_with(')') && usize::from(column) == line.chars().count() + 1
        });
    }

    /// Waits for a text on the screen.
    fn text(&mut self, text: &str) {
        self.see(text, |screen| screen.contents().lines().any(|row| row.contains(text)));
    }

    pub fn keys(&mut self, keys: &str) {
        self.pty.type_keys(keys);
    }

    /// Types a line, and waits for the next prompt.
    fn line(&mut self, line: &str) {
        self.begin(line);
        self.prompt();
    }

    /// Types a line that is not answered by a prompt. The echo is waited for, as its redrawing ends with a prompt.
    fn begin(&mut self, line: &str) {
        self.keys(line);
        self.see(line, |screen| {
            let (row, _) = screen.cursor_position();
            let line = line.split_whitespace().last().unwrap_or_default();
            screen.rows(0, screen.size().1.get()).nth(row.into()).is_some_and(|shown| shown.contains(line))
        });
        self.enter();
    }

    /// Enter. An empty line looks like a prompt until it is taken.
    pub fn enter(&mut self) {
        let place = |screen: &vt100::Screen| (screen.cursor_position().0, screen.scrollback_len());
        let before = place(self.model.screen());
        self.keys("\r");
        self.see("the next row", |screen| place(screen) != before);
    }

    /// All rows; none is wider than the terminal.
    fn rows(&mut self) -> String {
        let screen = self.model.screen_mut();
        let scrolled = screen.scrollback_len();
        let width = screen.size().1.get();
        let mut rows: Vec<(String, bool)> = Vec::new();
        for offset in (1..=scrolled).rev() {
            screen.set_scrollback(offset);
            rows.push((screen.rows(0, width).next().unwrap_or_default(), screen.row_wrapped(0)));
        }
        screen.set_scrollback(0);
        let visible: Vec<String> = screen.rows(0, width).collect();
        rows.extend(visible.into_iter().enumerate().map(|(row, text)| (text, screen.row_wrapped(row as u16))));
        for (row, is_wrapped) in &rows {
            assert!(!is_wrapped || row.starts_with("(layerlab"), "wider than {width}: {row}\n{}", screen.contents());
        }
        let text: String = rows.iter().map(|(row, _)| format!("{}\n", row.trim_end())).collect();
        format!("{}\n", text.trim_end())
    }

    /// Makes the terminal another.
    fn resizes(&mut self, columns: u16) {
        let rows = self.rows();
        self.before.push_str(&format!("{rows}-- {columns} columns --\n"));
        self.pty.resize(columns, ROWS);
        self.model = model(columns);
        // Ctrl-L: the model begins empty, as does the screen.
        self.keys("\x0c");
        self.prompt();
    }

    /// Leaves, and gives what was seen.
    fn leaves(mut self) -> String {
        self.begin("quit");
        let end = Instant::now() + PATIENCE;
        while self.pty.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it did not end");
            while let Ok(bytes) = self.pty.output.recv_timeout(Duration::from_millis(20)) {
                self.take_in(&bytes);
            }
        }
        let rows = self.rows();
        filter(&format!("{}{rows}", self.before))
    }
}

/// A terminal of so many columns.
pub fn model(columns: u16) -> vt100::Parser {
    let size = |number| std::num::NonZero::new(number).unwrap();
    vt100::Parser::new(size(ROWS), size(columns), 10_000)
}

/// Replaces what depends on the machine by something as wide: digests, and sizes of base images. Whether the terminal still shows the keys of
/// Ctrl-C when their program is ended is a matter of luck.
fn filter(text: &str) -> String {
    let text = text.replace("^C\n", "\n");
    let mut filtered = String::new();
    let mut run = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase() {
            run.push(letter);
            continue;
        }
        filtered.push_str(&if run.len() >= 12 { "h".repeat(run.len()) } else { std::mem::take(&mut run) });
        run.clear();
        filtered.push(letter);
    }
    let mut parts = filtered.trim_end().split("MB").map(str::to_owned).collect::<Vec<_>>();
    let last = parts.len() - 1;
    for part in &mut parts[..last] {
        let size =
            part.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == ' ').len();
        let digits = part.split_off(size).replace(|letter: char| letter != ' ', "9");
        part.push_str(&digits);
    }
    parts.join("MB") + "\n"
}

/// A session at each width, beside its record.
fn recorded(name: &str, files: &str, session: impl Fn(&mut Person)) {
    for columns in WIDTHS {
        let (_folder, mut person) = Person::sits_down(columns, files);
        session(&mut person);
        insta::assert_snapshot!(format!("{name}_{columns}"), person.leaves());
    }
}

const LESSON: &str = "\
//- Dockerfile
FROM docker.io/alpine
LABEL maintainer=\"dvdbisong@gmail.com\"
COPY date-script.sh /date-script.sh
CMD sh date-script.sh
//- date-script.sh
#!/bin/sh
echo \"Todays date is a secret\"
";

#[test]
fn the_first_lesson() {
    recorded("the_first_lesson", LESSON, |person| {
        for line in ["", "", "why", "", "ls /date-script.sh", "env", "layers", "", "launch", "help"] {
            person.line(line);
        }
    });
}

#[test]
fn a_build_of_25_steps_in_stages() {
    let mut dockerfile = "FROM layerlab/base AS tools\n".to_owned();
    for number in 1..=7 {
        dockerfile.push_str(&format!("ENV TOOL_{number}=/opt/tools/of/a/long/path/number-{number}\n"));
    }
    dockerfile.push_str("FROM layerlab/base AS a-stage-with-a-rather-long-name\nRUN echo compiled > /program\n");
    for number in 1..=6 {
        dockerfile.push_str(&format!("LABEL step.{number}=\"a label for the step with the number {number}\"\n"));
    }
    dockerfile.push_str("FROM layerlab/base\nCOPY --from=tools /etc/passwd /etc/passwd.tools\n");
    dockerfile.push_str("COPY --from=a-stage-with-a-rather-long-name /program /usr/local/bin/program\n");
    for number in 1..=5 {
        dockerfile.push_str(&format!("EXPOSE {}\n", 8000 + number));
    }
    dockerfile.push_str("CMD /usr/local/bin/program\n");
    recorded("a_build_of_25_steps", &format!("//- Dockerfile\n{dockerfile}"), |person| {
        person.line("step 10");
        person.line("why 10");
        person.line("finish");
        person.line("continue");
        person.line("history");
        person.begin("list all");
        person.text("q: back to layerlab");
        person.keys("q");
        person.prompt();
    });
}

#[test]
fn a_failing_run_is_mended() {
    let files = "//- Dockerfile\nFROM layerlab/base\nRUN echo one > /one\nRUN echo two; ecko three 2>/dev/null; exit 7 # and a comment that makes the line rather long\nRUN echo ecko\n";
    recorded("a_failing_run_is_mended", &files.replace("; exit 7 # and", " || exit 7 # and"), |person| {
        for line in ["step 2", "step", "why", "edit", "", "diff"] {
            person.line(line);
        }
    });
}

#[test]
fn a_server_is_launched_and_stopped() {
    let files =
        "//- Dockerfile\nFROM layerlab/base\nCMD [\"sh\", \"-c\", \"(sleep 0.3; echo serving) & exec sleep 1000\"]\n";
    recorded("a_server_is_stopped", files, |person| {
        person.begin("launch");
        person.see("the server", |screen| screen.contents().lines().any(|row| row == "serving"));
        person.keys("\x03");
        person.text("Ctrl-C again kills it");
        person.keys("\x03");
        person.prompt();
    });
}

#[test]
fn a_long_diff_is_paged() {
    let lines: String =
        (1..=40).map(|number| format!("RUN_{number}=the value of the setting number {number}\n")).collect();
    let files = format!(
        "//- settings\n{lines}//- Dockerfile\nFROM layerlab/base\nCOPY settings /settings\nRUN sed -i 's/the value/another value, which is longer than the one before/' /settings\n"
    );
    recorded("a_long_diff_is_paged", &files, |person| {
        person.line("step 3");
        person.begin("diff /settings");
        person.text("q: back to layerlab");
        person.keys(" ");
        person.text("RUN_30");
        person.keys("q");
        person.prompt();
    });
}

#[test]
fn wide_characters_stand_in_columns() {
    let files = "//- 日本語の名前.txt\nhello\n//- short\nhello\n//- Dockerfile\nFROM layerlab/base\nLABEL 説明=\"日本語の説明は二つの列を使うので、行の長さを数えるときに注意が必要です\"\nCOPY 日本語の名前.txt short /ほん/\nRUN ln -s 日本語の名前.txt /ほん/link\n";
    recorded("wide_characters", files, |person| {
        for line in ["step 4", "ls /ほん", "list", "back", "diff", "COPI 日本語の名前.txt /"] {
            person.line(line);
        }
    });
}

#[test]
fn a_terminal_is_resized_between_blocks() {
    let (_folder, mut person) = Person::sits_down(80, LESSON);
    person.line("");
    person.resizes(130);
    person.line("");
    person.resizes(60);
    person.line("");
    person.line("why 3");
    insta::assert_snapshot!("a_terminal_is_resized", person.leaves());
}

#[test]
fn a_pasted_block_is_taken_apart_and_typed_work_is_kept() {
    let (folder, mut person) = Person::sits_down(80, LESSON);
    person.keys("\x1b[200~RUN echo one > /one \\\r  && echo two\rENV A=1\rENV B=2\x1b[201~");
    person.text("ENV B=2");
    person.keys("\r");
    person.text("error:");
    person.prompt();
    person.line("step");
    person.keys("\x1b[200~ENV A=1\rRUN echo one > /one \\\r  && echo two\x1b[201~");
    person.text("echo two");
    person.keys("\r");
    person.text("added");
    person.prompt();
    // A line that goes on has a prompt of its own, and Ctrl-D gives it up.
    person.keys("RUN echo \\\r");
    person.text("... ");
    person.keys("\x04");
    person.prompt();
    person.line("write");
    person.line("LABEL typed=again");
    person.line("write date-script.sh");
    person.line("quit");
    person.line("write --force date-script.sh");
    // A saved session says which of the pasted lines are one instruction.
    person.line("save session");
    let session = fs::read_to_string(folder.path().join("session"))
        .or_else(|_| fs::read_to_string(folder.path().join("context/session")))
        .unwrap();
    let pasted = "(layerlab) ENV A=1\n(layerlab) RUN echo one > /one \\\n  && echo two\n";
    assert!(session.contains(pasted), "{session}");
    let written = fs::read_to_string(folder.path().join("context/date-script.sh")).unwrap();
    assert!(written.contains("LABEL typed=again") && written.contains("&& echo two"), "{written}");
    insta::assert_snapshot!("a_pasted_block", person.leaves());
}

/// What goes into a pipe is seen on the same terminal; a file is the same wherever it was written.
#[test]
fn a_pipe_is_as_wide_as_the_terminal_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_layerlab");
    let widest = |columns: u16, line: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", line]).current_dir(folder.path()).env("LAYERLAB_HOME", folder.path()).env_remove("COLUMNS");
        let mut pty = Pty::start(command, (columns, ROWS));
        assert!(pty.child.wait().unwrap().success());
        let seen = fs::read_to_string(folder.path().join("shown")).unwrap();
        seen.lines().map(|line| line.chars().count()).max().unwrap()
    };
    let piped = format!("{program} explain layer | cat > shown");
    assert!((60..=70).contains(&widest(70, &piped)));
    assert!((71..=100).contains(&widest(100, &piped)));
    assert!((71..=90).contains(&widest(70, &format!("COLUMNS=90 {piped}"))));
    assert!((71..=100).contains(&widest(70, &format!("{program} explain layer > shown"))));
}
