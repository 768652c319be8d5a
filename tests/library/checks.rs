//! The build checks: what each says, and how a file turns them off or makes errors of them.

use layerlab::diagnostic::{Diagnostic, Severity};
use layerlab::dockerfile::{self, rules};
use layerlab::plan::{self, Request};
use layerlab::source::SourceFile;

fn names(text: &str) -> Vec<&'static str> {
    let parsed = dockerfile::parse(&SourceFile::new("Dockerfile", text));
    parsed.diagnostics.iter().filter_map(|diagnostic| diagnostic.rule.map(|rule| rule.name)).collect()
}

#[test]
fn every_check_has_a_message_that_points_at_it() {
    let text = "# check=experimental=all\nARG IMAGE\nFROM --platform=linux/amd64 alpine as Base\nMAINTAINER me\nenv TOKEN abc def\n\
                LABEL a b\nWORKDIR src\nCMD make\nCMD [\"make\"]\nEXPOSE 80/TCP 127.0.0.1:80:80\nRUN a \\\n\n  b\n\n\
                # the second\nFROM --platform=$TARGETPLATFORM b$IMAG AS base\nARG API_KEY PUBLIC_KEY\nFROM $IMAGE AS scratch\n";
    let source = SourceFile::new("Dockerfile", text);
    let file = dockerfile::parse(&source).into_dockerfile().unwrap();
    let request = Request { build_args: [("IMAGE".to_owned(), "a".to_owned())].into(), ..Request::default() };
    let planned = match plan::plan(&file, &request) {
        Ok(plan) => plan.warnings,
        Err(errors) => errors,
    };
    let all = file.warnings.iter().chain(planned.iter().filter(|warning| !file.warnings.contains(warning)));
    let drawn: Vec<String> = all.map(|diagnostic| diagnostic.render(Some(&source))).collect();
    insta::assert_snapshot!(drawn.join("\n"));
}

#[test]
fn a_check_is_skipped_by_name_in_the_file_or_above_an_instruction() {
    assert_eq!(names("FROM a\nMAINTAINER x\nENV a b\n"), ["MaintainerDeprecated", "LegacyKeyValueFormat"]);
    assert_eq!(names("# check=skip=MaintainerDeprecated\nFROM a\nMAINTAINER x\nENV a b\n"), ["LegacyKeyValueFormat"]);
    assert_eq!(names("# check=skip=all\nFROM a\nMAINTAINER x\nENV a b\n"), [""; 0]);
    let above = "FROM a\n# check=skip=LegacyKeyValueFormat because it is old\nENV a b\nENV a b\n# check=skip=all\nMAINTAINER x\n";
    assert_eq!(names(above), ["LegacyKeyValueFormat"]);
}

#[test]
fn what_docker_does_not_check_is_skipped_by_its_name_alone() {
    assert_eq!(names("# check=skip=all\nFROM a\nSTOPSIGNAL --now 9\n"), ["FlagWithoutEffect"]);
    assert_eq!(names("# check=skip=FlagWithoutEffect\nFROM a\nSTOPSIGNAL --now 9\n"), [""; 0]);
    assert_eq!(names("# check=skip=WrongArguments\nFROM a\nCOPY x\n"), ["WrongArguments"]);
}

#[test]
fn an_experiment_has_to_be_asked_for() {
    let text = "# other words\nARG a\nFROM a\n";
    assert_eq!(names(text), [""; 0]);
    assert_eq!(
        names(&format!("# check=experimental=InvalidDefinitionDescription\n{text}")),
        ["InvalidDefinitionDescription"]
    );
}

#[test]
fn checks_can_fail_a_build() {
    let parse = |text: &str| dockerfile::parse(&SourceFile::new("Dockerfile", text)).into_dockerfile();
    let errors = parse("# check=error=true\nFROM a as b\nSTOPSIGNAL --now 9\n").unwrap_err();
    let told: Vec<_> = errors.iter().map(|error| (error.is(&rules::FROM_AS_CASING), error.severity)).collect();
    // A file that Docker builds is built here, so only Docker's checks count.
    assert_eq!(told, [(true, Severity::Error)]);
    assert!(parse("# check=skip=FromAsCasing;error=true\nFROM a as b\nSTOPSIGNAL --now 9\n").is_ok());
    let later = parse("# check=error=true\nFROM a${B}\n").unwrap();
    let errors = plan::plan(&later, &Request::default()).unwrap_err();
    assert!(errors.iter().all(Diagnostic::is_error) && errors[0].is(&rules::UNDEFINED_ARG_IN_FROM), "{errors:?}");
}

/// Whatever has a fix is right once it is applied, and says the same.
#[test]
fn fixes_mend_what_they_are_about() {
    let mut text =
        "FROM a as Base\nfrom Base AS b\nENV a b c\nEXPOSE 80/TCP\nCMD [\"x\"]\n".replace("Base AS", "base AS");
    loop {
        let source = SourceFile::new("Dockerfile", text.as_str());
        let parsed = dockerfile::parse(&source);
        assert!(!parsed.has_errors(), "{text}");
        let Some(fix) = parsed.diagnostics.into_iter().find_map(|diagnostic| diagnostic.fix) else { break };
        text.replace_range(fix.span.start..fix.span.end, &fix.replacement);
    }
    assert_eq!(text, "FROM a AS base\nFROM base AS b\nENV a=\"b c\"\nEXPOSE 80/tcp\nCMD [\"x\"]\n");
}
