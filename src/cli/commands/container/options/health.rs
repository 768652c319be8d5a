//! What `run` and `create` are told of how it is found out whether a container is well.

use clap::Args;

use crate::diagnostic::Diagnostic;
use crate::dockerfile::parse_duration;
use crate::oci::HealthConfig;

/// The options of it.
#[derive(Debug, Args)]
pub(super) struct HealthOptions {
    /// The command that finds out whether the container is well
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,
    /// The time between two checks, such as 30s
    #[arg(long, value_name = "TIME")]
    health_interval: Option<String>,
    /// How long a check may take, such as 30s
    #[arg(long, value_name = "TIME")]
    health_timeout: Option<String>,
    /// How many failures in a row make the container unhealthy
    #[arg(long, value_name = "COUNT")]
    health_retries: Option<u32>,
    /// The time at the beginning in which failures do not count
    #[arg(long, value_name = "TIME")]
    health_start_period: Option<String>,
    /// The time between two checks in that time
    #[arg(long, value_name = "TIME")]
    health_start_interval: Option<String>,
    /// Do not check, whatever the image says
    #[arg(long)]
    no_healthcheck: bool,
}

impl HealthOptions {
    /// What differs from the image.
    pub(super) fn config(&self) -> Result<Option<HealthConfig>, Diagnostic> {
        let others = [
            self.health_cmd.is_some(),
            self.health_interval.is_some(),
            self.health_timeout.is_some(),
            self.health_retries.is_some(),
            self.health_start_period.is_some(),
            self.health_start_interval.is_some(),
        ];
        if self.no_healthcheck {
            if others.contains(&true) {
                return Err(Diagnostic::error("`--no-healthcheck` can't be combined with `--health-*` options"));
            }
            return Ok(Some(HealthConfig { test: vec!["NONE".to_owned()], ..HealthConfig::default() }));
        }
        Ok(Some(HealthConfig {
            test: self.health_cmd.iter().flat_map(|text| ["CMD-SHELL".to_owned(), text.clone()]).collect(),
            interval: time("--health-interval", self.health_interval.as_deref())?,
            timeout: time("--health-timeout", self.health_timeout.as_deref())?,
            start_period: time("--health-start-period", self.health_start_period.as_deref())?,
            start_interval: time("--health-start-interval", self.health_start_interval.as_deref())?,
            retries: i64::from(self.health_retries.unwrap_or(0)),
        }))
    }
}

/// Nanoseconds; 0 where nothing is said.
fn time(option: &str, text: Option<&str>) -> Result<i64, Diagnostic> {
    let Some(text) = text else { return Ok(0) };
    let bad = |why: String| {
        Diagnostic::error(format!("invalid argument `{text}` for {option}: {why}")).hint("write it as 30s or 1m30s")
    };
    let time = parse_duration(text).map_err(|error| bad(error.to_string()))?;
    match i64::try_from(time.as_nanos()) {
        Ok(0) => Ok(0),
        Ok(nanoseconds) if nanoseconds >= 1_000_000 => Ok(nanoseconds),
        Ok(_) => Err(bad("the least time is 1ms".to_owned())),
        Err(_) => Err(bad("it is too long".to_owned())),
    }
}
