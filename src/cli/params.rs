//! What the caller of a command gives a workflow file: params, and variables for its tasks.

use std::ffi::OsString;
use std::path::PathBuf;

use super::exit::Failure;
use super::load::{caller_env, failure};
use crate::model::escape;
use crate::spec::{self, Diagnostic, Given, ParamSetting, Purpose, SetBy, Settings};

/// The flags that set params.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct ParamArgs {
    /// Set a param of the file; a list is `a,b`, or `@FILE` with one item a line [env: PYOCO_PARAM_K]
    #[arg(short, long = "param", value_name = "K=V", value_parser = pair)]
    param: Vec<(String, String)>,

    /// Set params from a YAML, TOML or JSON file; `-p` wins over it
    #[arg(long, value_name = "FILE")]
    params_file: Vec<PathBuf>,
}

impl ParamArgs {
    /// Returns what a file is loaded with.
    pub(crate) fn settings(&self, purpose: Purpose) -> Result<Settings, Failure> {
        let mut params = Vec::new();
        for file in &self.params_file {
            params.extend(spec::read_params(file).map_err(|wrong| all_of(&wrong))?);
        }
        params.extend(self.param.iter().map(|(name, value)| ParamSetting {
            name: name.clone(),
            given: Given::Text(value.clone()),
            from: SetBy::Flag,
        }));
        let caller_dir = std::env::current_dir().ok();
        Ok(Settings { purpose, env: caller_env().collect(), caller_dir, params })
    }
}

/// Sums up all that is wrong with a file of params.
fn all_of(wrong: &[Diagnostic]) -> Failure {
    let messages: Vec<_> = wrong.iter().map(|one| escape(&one.message()).into_owned()).collect();
    let all = Failure::new(messages.join("\n  "));
    match wrong.first().and_then(|first| failure(first).hint) {
        Some(hint) => all.hint(hint),
        None => all,
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("the name is empty; write it as NAME=VALUE".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Returns the value of a param, which a list gives one item a line, as it can be typed.
pub(crate) fn typed(value: &str) -> String {
    match (value.contains('\n'), value.contains(',')) {
        (false, _) => value.to_owned(),
        (true, false) => value.replace('\n', ","),
        // The items cannot be told apart by commas: as bash and zsh write several lines.
        (true, true) => format!("$'{}'", value.replace('\'', "\\'").replace('\n', "\\n")),
    }
}

/// The flags that set variables for all tasks.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct EnvArgs {
    /// Set a variable for all tasks, whatever the file says
    #[arg(short, long, value_name = "K=V", value_parser = pair)]
    env: Vec<(String, String)>,

    /// Set the variables of a `.env` file for all tasks; `--env` wins over it
    #[arg(long, value_name = "FILE")]
    env_file: Vec<String>,
}

impl EnvArgs {
    /// Returns the variables, the winning one last.
    pub(crate) fn variables(&self) -> Result<Vec<(OsString, OsString)>, Failure> {
        let mut variables = Vec::new();
        for file in &self.env_file {
            let read = spec::read_env_file(file);
            variables.extend(read.map_err(|wrong| {
                let shown: Vec<_> = wrong.iter().map(|line| escape(line)).collect();
                Failure::new(format!("--env-file: {}", shown.join("\n  ")))
                    .hint("it has lines `NAME=value`; a file that may be absent ends in `?`")
            })?);
        }
        variables.extend(self.env.iter().cloned());
        Ok(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn a_list_can_be_typed_again() {
        for (value, expected) in
            [("a, b", "a, b"), ("a\nb", "a,b"), ("it's\nb,c", r"$'it\'s\nb,c'")]
        {
            assert_eq!(typed(value), expected);
        }
    }
}
