//! Every kind of message about a Dockerfile, as a table.
//!
//! An error's name tells programs and tests what is wrong. A warning's name is also what `# check=skip=NAME` takes
//! (`checks.rs`). Where Docker has a build check for the same mistake the rule is Docker's and has its name, though the message is
//! our own. The book's page on checks is compared with this table.

use crate::diagnostic::{Origin, Rule, Severity};

/// Defines each rule as a `static`, and [`ALL`] of them.
macro_rules! rules {
    ($($constant:ident = $severity:ident $origin:ident $name:literal $summary:literal;)+) => {
        $(
            #[doc = $summary]
            pub static $constant: Rule = Rule {
                name: $name,
                severity: Severity::$severity,
                origin: Origin::$origin,
                summary: $summary,
            };
        )+
        /// The whole table.
        pub static ALL: &[&Rule] = &[$(&$constant),+];
    };
}

rules! {
    // The text as a whole.
    EMPTY_DOCKERFILE = Error Layerlab "EmptyDockerfile" "a Dockerfile needs at least one instruction";
    NOT_TEXT = Error Layerlab "NotText" "a Dockerfile is a text file";
    LIMIT_EXCEEDED = Error Layerlab "LimitExceeded" "the text, or what its variables make of it, is larger than a limit";
    MORE_ERRORS = Error Layerlab "MoreErrors" "there are more errors than are shown";
    INVALID_DIRECTIVE = Error Layerlab "InvalidDirective" "a directive at the top of the file is wrong or given twice";
    INSTRUCTION_BEFORE_FROM = Error Layerlab "InstructionBeforeFrom" "only ARG may come before the first FROM";
    SINGLE_INSTRUCTION = Error Layerlab "SingleInstruction" "exactly one instruction is expected, and not a FROM";

    // One instruction.
    UNKNOWN_INSTRUCTION = Error Layerlab "UnknownInstruction" "a line begins with a word that is not an instruction";
    WRONG_ARGUMENTS = Error Layerlab "WrongArguments" "an instruction lacks an argument or has one too many";
    BLANK_NAME = Error Layerlab "BlankName" "a name is missing before `=`";
    INVALID_STAGE_NAME = Error Layerlab "InvalidStageName" "a stage name is not valid";
    INVALID_JSON = Error Layerlab "InvalidJSON" "a JSON array is missing, or holds something other than strings";
    INVALID_HEREDOC = Error Layerlab "InvalidHeredoc" "the name of a heredoc has an unclosed quote, or a heredoc is used where a path belongs";
    HEREDOC_WITHOUT_END = Error Layerlab "HeredocWithoutEnd" "a heredoc has no end line";
    UNKNOWN_FLAG = Error Layerlab "UnknownFlag" "the instruction has no such flag";
    REPEATED_FLAG = Error Layerlab "RepeatedFlag" "a flag is given twice";
    FLAG_WITHOUT_VALUE = Error Layerlab "FlagWithoutValue" "a flag needs a value after `=`";
    INVALID_FLAG_VALUE = Error Layerlab "InvalidFlagValue" "the value of a flag is not valid";
    INVALID_MOUNT = Error Layerlab "InvalidMount" "a mount or device is not valid; a warning if only the build can tell";
    INVALID_TRIGGER = Error Layerlab "InvalidTrigger" "an instruction cannot follow ONBUILD";
    INVALID_WORD = Error Layerlab "InvalidWord" "quotes or variables in a word are not valid";

    // Stages and what they need.
    BLANK_BASE_NAME = Error Layerlab "BlankBaseName" "the image name in FROM expands to nothing";
    INVALID_IMAGE_NAME = Error Layerlab "InvalidImageName" "an image name is not valid";
    INVALID_PLATFORM = Error Layerlab "InvalidPlatform" "a platform is not valid";
    VARIABLE_IN_FROM = Error Layerlab "VariableInFrom" "`--from` contains a variable";
    UNKNOWN_STAGE = Error Layerlab "UnknownStage" "there is no stage of this name or number";
    STAGE_DEFINED_LATER = Error Layerlab "StageDefinedLater" "a stage is used before it is defined";
    CIRCULAR_DEPENDENCY = Error Layerlab "CircularDependency" "a stage depends on itself";

    // What can't be built here.
    FOREIGN_PLATFORM = Error Layerlab "ForeignPlatform" "RUN needs a machine of another platform";
    MISPLACED_CHECKSUM = Error Layerlab "MisplacedChecksum" "`--checksum` takes a single source that is not local";
    INVALID_URL = Error Layerlab "InvalidUrl" "a source of ADD looks like a URL and is none";
    COPY_OF_URL = Error Layerlab "CopyOfUrl" "COPY does not accept URLs";

    // What is found when an instruction is carried out.
    INVALID_PORT = Error Layerlab "InvalidPort" "a port of EXPOSE is not valid";
    INVALID_SIGNAL = Error Layerlab "InvalidSignal" "the signal of STOPSIGNAL is not valid";
    EMPTY_VOLUME = Error Layerlab "EmptyVolume" "a path of VOLUME expands to nothing";
    INVALID_SCRIPT_NAME = Error Layerlab "InvalidScriptName" "the name of a RUN script is not a plain file name";
    INVALID_MODE = Error Layerlab "InvalidMode" "the mode of `--chmod` is not valid";
    INVALID_OWNER = Error Layerlab "InvalidOwner" "the owner of `--chown` is not valid, or the image does not define it";
    INVALID_PATTERN = Error Layerlab "InvalidPattern" "a wildcard or `--exclude` pattern is not valid";
    SOURCE_NOT_FOUND = Error Layerlab "SourceNotFound" "a source of COPY, ADD or a mount does not exist";
    NOT_DOWNLOADED = Error Layerlab "NotDownloaded" "the file of a URL of ADD does not come";
    CHECKSUM_MISMATCH = Error Layerlab "ChecksumMismatch" "the file of a URL has another digest than `--checksum` says";
    CANNOT_BE_PLACED = Error Layerlab "CannotBePlaced" "something is in the way of a file or directory that COPY, ADD or WORKDIR makes";
    IMAGE_NOT_FOUND = Error Layerlab "ImageNotFound" "the image of FROM or `--from` is not in the store";
    TRIGGER_NOT_UNDERSTOOD = Error Layerlab "TriggerNotUnderstood" "an ONBUILD trigger of the base image cannot be built";
    MOUNT_NOT_GIVEN = Error Layerlab "MountNotGiven" "RUN requires a secret or an SSH agent that the build was not given";
    NOT_ALLOWED = Error Layerlab "NotAllowed" "RUN asks for rights that the build was not allowed";
    DEVICE_NOT_FOUND = Error Layerlab "DeviceNotFound" "RUN requires a device that this machine does not have or Layerlab can't pass on";
    COMMAND_FAILED = Error Layerlab "CommandFailed" "the command of RUN failed";

    // What is only suspicious.
    NEARLY_JSON = Warning Layerlab "NearlyJSON" "text looks like a JSON array, but is not valid JSON";
    HEREDOC_CARRIAGE_RETURNS = Warning Layerlab "HeredocCarriageReturns" "the lines of a heredoc have Windows line ends";
    HEREDOC_WITHOUT_DOCUMENT = Warning Layerlab "HeredocWithoutDocument" "`<<NAME` has no document, so the file is empty";
    INVALID_ONBUILD_TRIGGER = Warning Layerlab "InvalidOnbuildTrigger" "ONBUILD records an instruction that no build will accept";
    FLAG_WITHOUT_EFFECT = Warning Layerlab "FlagWithoutEffect" "a flag has no effect here";
    UNKNOWN_OWNER = Warning Layerlab "UnknownOwner" "the image does not define the user or group that files are to belong to";
    IMAGE_LIKE_STAGE = Warning Layerlab "ImageLikeStage" "an image has nearly the name of a stage that nothing uses";
    SOURCES_REPLACED = Warning Layerlab "SourcesReplaced" "several sources of COPY or ADD become one file, so only the last is left";
    DEVICE_LEFT_OUT = Warning Layerlab "DeviceLeftOut" "RUN goes without a device that it does not require";
    EMULATED_USER = Note Layerlab "EmulatedUser" "RUN runs as a user that is emulated, since only one id exists for whoever builds";
    SET_ID_BITS_LOST = Warning Layerlab "SetIdBitsLost" "files that RUN left have lost their set-user-id bits, since its user is emulated";
    UNUSED_BUILD_ARG = Warning Layerlab "UnusedBuildArg" "no ARG uses a build argument";
    DIRECTIVE_WITHOUT_EFFECT = Warning Layerlab "DirectiveWithoutEffect" "a directive names something that does not exist";
    MORE_NOTES = Note Layerlab "MoreNotes" "there are more notes than are shown";
    MORE_WARNINGS = Warning Layerlab "MoreWarnings" "there are more warnings than are shown";

    // Docker's build checks.
    NO_EMPTY_CONTINUATION = Warning Docker "NoEmptyContinuation" "there is a blank line inside an instruction";
    DUPLICATE_STAGE_NAME = Warning Docker "DuplicateStageName" "two stages have the same name";
    RESERVED_STAGE_NAME = Warning Docker "ReservedStageName" "a stage is called `scratch` or `context`";
    UNDEFINED_ARG_IN_FROM = Warning Docker "UndefinedArgInFrom" "FROM uses a variable that no ARG above it declares";
    INVALID_DEFAULT_ARG_IN_FROM = Warning Docker "InvalidDefaultArgInFrom" "without `--build-arg` the image of FROM has no valid name";
    MULTIPLE_INSTRUCTIONS = Warning Docker "MultipleInstructionsDisallowed" "a later instruction of the stage replaces this one";
    SECRETS_USED = Warning Docker "SecretsUsedInArgOrEnv" "the name of a variable suggests a secret, and its value can be read from the image";
    EXPOSE_INVALID_FORMAT = Warning Docker "ExposeInvalidFormat" "EXPOSE takes neither an address nor a host port";
    UNDEFINED_VAR = Warning Docker "UndefinedVar" "an instruction uses a variable that nothing above it in the stage defines";
    COPY_IGNORED_FILE = Warning Docker "CopyIgnoredFile" "`.dockerignore` excludes what is to be copied";
    INVALID_BASE_IMAGE_PLATFORM = Warning Docker "InvalidBaseImagePlatform" "the image of FROM is for another platform than the build";
    WORKDIR_RELATIVE_PATH = Note Docker "WorkdirRelativePath" "where the first WORKDIR of a stage leads depends on the base image";
    STAGE_NAME_CASING = Note Docker "StageNameCasing" "the name of a stage has capital letters";
    FROM_AS_CASING = Note Docker "FromAsCasing" "FROM and AS are written in different case";
    CONSISTENT_INSTRUCTION_CASING = Note Docker "ConsistentInstructionCasing" "a keyword is not in the same case as most of the file";
    JSON_ARGS_RECOMMENDED = Note Docker "JSONArgsRecommended" "a command runs in a shell, which receives the signals instead";
    MAINTAINER_DEPRECATED = Note Docker "MaintainerDeprecated" "MAINTAINER is deprecated: a label replaces it";
    LEGACY_KEY_VALUE_FORMAT = Note Docker "LegacyKeyValueFormat" "ENV or LABEL has a space instead of `=`";
    EXPOSE_PROTO_CASING = Note Docker "ExposeProtoCasing" "a protocol in EXPOSE is not in lower case";
    REDUNDANT_TARGET_PLATFORM = Note Docker "RedundantTargetPlatform" "`--platform` is what FROM uses anyway";
    CONSTANT_PLATFORM = Note Docker "FromPlatformFlagConstDisallowed" "FROM has a constant `--platform`";
    INVALID_DEFINITION_DESCRIPTION = Note DockerExperiment "InvalidDefinitionDescription" "the comment above a stage or argument does not begin with its name";
}

/// The rule of this name.
pub(crate) fn named(name: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.name == name)
}
