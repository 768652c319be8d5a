//! The end of a build: the image, its names, and what is remembered for the next time.

use std::path::PathBuf;

use super::driver::{Finished, Machine};
use super::event::{EventKind, Reporter, Warning};
use super::{Decision, Error, Event};
use crate::cache::{Build, BuildStep, Ingredients, Outcome};
use crate::oci::{Digest, Reference};
use crate::plan::{CHECK_ARG, PROXY_ARGS};

impl Machine {
    /// The `--build-arg`s that no ARG asked for and that have no meaning of their own.
    fn unused_build_args(&self) -> Vec<String> {
        let declared = |name: &str| {
            self.plan.global_args.contains_key(name)
                || self.taken.iter().any(|taken| taken.state.settings.variables.is_declared(name))
        };
        let needs_no_arg =
            |name: &str| PROXY_ARGS.contains(&name) || ["BUILDKIT_SANDBOX_HOSTNAME", CHECK_ARG].contains(&name);
        let known = |name: &str| needs_no_arg(name) || declared(name);
        self.options.request.build_args.keys().filter(|name| !known(name)).cloned().collect()
    }

    /// Remembers this build among the past builds: also one that failed, as far as it came.
    pub fn remember(&self, image: Option<Digest>) -> Result<(), Error> {
        let steps = self.taken.iter().map(|taken| BuildStep {
            stage: taken.label.stage.clone(),
            stage_index: taken.stage,
            number: taken.label.number,
            instruction: taken.label.instruction.clone(),
            key: taken.ingredients.as_ref().map(Ingredients::key),
            roots: taken.roots.clone(),
            outcome: if matches!(taken.decision, Decision::Hit { .. }) { Outcome::Cached } else { Outcome::Ran },
            milliseconds: taken.milliseconds,
        });
        let (context, dockerfile) = self.identity();
        let number = self.build_number()?;
        let reservation = self.number.get().expect("the number was just taken");
        self.builds.put(
            reservation,
            &Build {
                schema: Build::SCHEMA,
                number,
                context,
                dockerfile,
                started: self.started.clone(),
                steps: steps.chain(self.failed.clone()).collect(),
                image,
            },
        )?;
        if let Some(context) = self.inputs.loaded() {
            context.save_digests();
        }
        Ok(())
    }

    /// What makes two builds comparable: the context's folder and the Dockerfile's path.
    pub fn identity(&self) -> (String, String) {
        let text = |path: &Option<PathBuf>| {
            let path = path.as_ref().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
            path.map(|path| path.display().to_string()).unwrap_or_default()
        };
        (text(&self.source.context), text(&self.source.dockerfile))
    }

    /// Writes the image of the last state, gives it its names, and remembers the build. Warns of what was not used.
    pub fn finish(&self, tags: &[Reference], sink: &mut dyn FnMut(&Event)) -> Result<Finished, Error> {
        let mut reporter = Reporter::of_build(self.watch, sink);
        for name in self.unused_build_args() {
            let message = format!("the build argument `{name}` was not used by any ARG");
            reporter.tell(EventKind::Warning(Warning { kind: None, message, hint: None, place: None }));
        }
        let last = self.taken.last().ok_or(Error::NoStep { number: 1, total: self.steps.len() })?;
        let mut image = last.state.image();
        image.config.labels.extend(self.options.labels.clone());
        let manifest = self.world.store.put_image(&image, &last.state.layers())?;
        let image = Digest::of(&serde_json::to_vec(&image).expect("a configuration is plain data"));
        let cached = self.taken.iter().filter(|taken| matches!(taken.decision, Decision::Hit { .. })).count();
        let ran = self.taken.iter().filter(|taken| matches!(taken.decision, Decision::Miss { .. })).count();
        self.remember(Some(image))?;
        let milliseconds = self.watch.milliseconds();
        let (manifest_digest, steps) = (manifest.digest, self.steps.len());
        reporter.tell(EventKind::BuildFinished { image, manifest: manifest_digest, steps, cached, ran, milliseconds });
        for tag in tags {
            self.world.store.tag(tag, &manifest)?;
            reporter.tell(EventKind::Tagged { reference: tag.familiar() });
        }
        Ok(Finished { build: self.build_number()?, image, manifest, cached, ran })
    }
}
