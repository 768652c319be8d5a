//! Templates of Docker's documentation and of scripts, and such as are made to do harm.

use std::collections::BTreeMap;

use serde_json::json;

use super::Template;

fn rendered(text: &str) -> String {
    let document = json!({
        "Name": "/web", "Size": 5, "Args": ["-g", "daemon off;"], "Nothing": null,
        "State": { "Status": "running", "Running": true, "ExitCode": 0 },
        "Config": { "Labels": { "kind": "a" }, "Env": ["A=1", "B=2"] },
        "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8081" }], "443/tcp": null },
    });
    let labels = BTreeMap::from([("kind".to_owned(), "a,b".to_owned())]);
    match Template::parse(text).and_then(|template| template.render(&document, &labels)) {
        Ok(text) => text,
        Err(mistake) => {
            let place =
                mistake.diagnostic.labels.first().map(|label| &mistake.source.text[label.span.start..label.span.end]);
            format!("error: {} at {place:?}", mistake.diagnostic.message)
        }
    }
}

#[test]
fn what_scripts_ask_for() {
    let cases = [
        ("{{.Name}}", "/web"),
        ("{{.State.Running}} {{.State.ExitCode}} {{.Size}}", "true 0 5"),
        ("{{json .State}}", r#"{"Status":"running","Running":true,"ExitCode":0}"#),
        ("{{.State.Status | json}}", r#""running""#),
        ("{{range .Config.Env}}{{println .}}{{end}}", "A=1\nB=2\n"),
        ("{{index .Config.Labels \"kind\"}}|{{index .Config.Labels \"none\"}}|", "a||"),
        ("{{.Config.Labels.kind}} {{.Config.Labels.none}}", "a <no value>"),
        ("{{.Label \"kind\"}} {{upper (.Label \"kind\")}} {{$.Label \"none\"}}.", "a,b A,B ."),
        ("{{if .State.Running}}runs{{else}}rests{{end}}", "runs"),
        ("{{len .Args}} {{join .Args \" \"}} {{.Args}}", "2 -g daemon off; [-g daemon off;]"),
        (
            "{{range $p, $at := .Ports}}{{$p}}->{{if $at}}{{(index $at 0).HostPort}}{{end}} {{end}}",
            "443/tcp-> 80/tcp->8081 ",
        ),
        ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8081"),
        ("{{with index .Args 1}}{{.}}{{end}}", "daemon off;"),
        ("{{slice .Name 1}} {{truncate .Name 2}} {{title \"a word\"}} {{pad .Name 1 2}}|", "web /w A Word  /web  |"),
        ("{{printf \"%-6s|%3d\" .Name .Size}}", "/web  |  5"),
        ("{{lower \"AB\"}}{{split \"a:b\" \":\"}}{{eq .Size 5}}{{not .State.Running}}", "ab[a b]truefalse"),
    ];
    for (template, expected) in cases {
        assert_eq!(rendered(template), expected, "{template}");
    }
}

#[test]
fn mistakes_have_a_place() {
    for (template, message, place) in [
        ("{{.Wrong}}", "there is no field `Wrong` here", "Wrong"),
        ("{{.State.Wrong}}", "there is no field `Wrong` here", "Wrong"),
        ("{{.Name.More}}", "can't evaluate field More in type string", "More"),
        ("a {{wrong .Name}}", "there is no function `wrong` in formats", "wrong"),
        ("{{define \"a\"}}{{end}}", "`define` can't be used in a format", "define"),
        ("{{- template \"format\" . -}}", "`template` can't be used in a format", "template"),
    ] {
        let answer = rendered(template);
        assert!(answer.starts_with("error: ") && answer.contains(message), "{template}: {answer}");
        assert!(answer.ends_with(&format!("Some({place:?})")), "{template}: {answer}");
    }
    for template in ["{{", "{{.Name", "{{if .Name}}", "{{end}}", "{{.Name | }}"] {
        assert!(rendered(template).starts_with("error: the format is not a template: "), "{}", rendered(template));
    }
}

#[test]
fn no_template_takes_forever_or_everything() {
    let grows = "{{$x := \"aaaaaaaa\"}}{{range 64}}{{$x = printf \"%s%s\" $x $x}}{{end}}{{len $x}}";
    for template in [
        "{{range 1000000000}}{{end}}",
        "{{range 5000}}{{range 5000}}{{end}}{{end}}",
        grows,
        &grows.replace("printf \"%s%s\"", "print"),
        "{{pad \"a\" 1000000000 0}}",
        "{{range 9999}}{{printf \"%60000d\" 1}}{{end}}",
        "{{range 10000}}{{$x := json $}}{{end}}",
        "{{range 10000}}{{$x := printf \"%1000d\" 1}}{{end}}",
        "{{$x := printf \"%60000d\" 1}}{{range 10000}}{{if eq $x $x}}{{end}}{{$y := slice $x 1}}{{end}}",
        &format!("{{{{range 10000}}}}{}{{{{end}}}}", "{{if $}}{{end}}".repeat(1000)),
        &"{{if .}}".repeat(3000),
        &"(".repeat(3000),
        &format!("{{{{{}.Name", "(".repeat(3000)),
        &"a".repeat(1 << 20),
    ] {
        let answer = rendered(template);
        assert!(answer.starts_with("error: ") || answer.len() < 1 << 17, "{}", &template[..template.len().min(80)]);
    }
}
