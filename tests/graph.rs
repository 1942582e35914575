//! `pyoco graph`: the image, and the states of a run in every form that has a place for them.

mod support;

use support::{Project, same};

const FLOW: &str = "
tasks:
  fetch: 'true'
  test: {run: '[ \"$PYOCO_MATRIX_PY\" = 3.12 ]', needs: fetch, matrix: {py: ['3.11', '3.12', '3.13']}}
  pack: {run: 'true', needs: test}
  either: {run: 'true', needs_any: [fetch, lint]}
  lint: 'true'
finally:
  down: 'true'
";

/// Makes a project with a run that failed.
fn failed() -> Project {
    let project = Project::with(FLOW);
    project.run(&["run", "-q", "-k", "-j1"]).exits(1);
    project
}

fn draw(project: &Project, args: &[&str]) -> String {
    let outcome = project.run(&[&["graph"], args].concat()).exits(0);
    assert!(outcome.stderr.is_empty(), "{outcome:?}");
    outcome.stdout
}

/// Requires of an image that its tags are closed in their order and its texts hold no bare mark.
#[track_caller]
fn require_xml(image: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in image.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag is closed");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{image}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        for entity in text.split('&').skip(1).chain(tag.split('&').skip(1)) {
            let known = ["amp;", "lt;", "gt;", "quot;"].iter().any(|one| entity.starts_with(one));
            assert!(known, "a bare `&` before {entity:?}");
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn an_image_needs_no_other_program() {
    let project = Project::with(FLOW);
    let image = draw(&project, &["--as", "svg"]);
    require_xml(&image);
    assert!(image.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width="), "{image}");
    for text in ["<title>project</title>", ">test[py] ×3</text>", ">finally</text>", ">down</text>"]
    {
        assert!(image.contains(text), "{text}\n{image}");
    }
    // fetch and test, test and pack; of `needs_any` both dashed.
    assert_eq!(image.matches("<path class=\"edge\"").count(), 2, "{image}");
    assert_eq!(image.matches("<path class=\"edge any\"").count(), 2, "{image}");
    assert_eq!(image.matches("<rect class=\"task\"").count(), 6);
    assert_eq!(draw(&project, &["--as", "svg"]), image, "the same file gives the same image");
}

#[test]
fn names_cannot_leave_their_place_in_an_image() {
    let project = Project::with(
        "name: '<a&b>'\ntasks:\n  t: {run: x, description: \"\\\"</title><script>\", matrix: {k: ['</text>&', \"\\u001b[2J\"]}}\n\
         \x20 u: {run: x, needs: 't[k=\"</text>&\"]'}\n",
    );
    let image = draw(&project, &["--as", "svg"]);
    require_xml(&image);
    assert!(image.contains("<title>&lt;a&amp;b&gt;</title>"), "{image}");
    assert!(image.contains("&lt;script&gt;") && !image.contains('\u{1b}'), "{image}");
}

#[test]
fn a_thousand_tasks_are_drawn() {
    let mut flow = "tasks:\n  t0: x\n".to_owned();
    for n in 1..1_000 {
        let mut needs: Vec<String> =
            [n / 2, n / 3, n - 1 - n % 7 % n].iter().map(|m| format!("t{m}")).collect();
        needs.sort_unstable();
        needs.dedup();
        flow.push_str(&format!("  t{n}: {{run: x, needs: [{}]}}\n", needs.join(", ")));
    }
    let project = Project::with(&flow);
    let image = draw(&project, &["--as", "svg"]);
    require_xml(&image);
    assert_eq!(image.matches("<rect class=\"task\"").count(), 1_000);
    assert!(image.len() < 2_000_000, "{} bytes", image.len());
}

#[test]
fn a_run_is_told_in_words_where_there_are_no_colours() {
    let project = failed();
    same(
        &draw(&project, &["--run", "latest"]),
        "pack  SKIPPED
└─ test[py] ×3  2 FAILED, 1 SUCCEEDED
   └─ fetch  SUCCEEDED
either  SUCCEEDED
├─ any of: fetch  SUCCEEDED
└─ any of: lint  SUCCEEDED
down  SUCCEEDED (finally)
",
    );
    let mut coloured = failed();
    coloured.env("CLICOLOR_FORCE", "1");
    let text = draw(&coloured, &["--run", "latest"]);
    assert!(
        text.contains("└─ \u{1b}[31mtest[py] ×3  2 FAILED, 1 SUCCEEDED\u{1b}[0m\n"),
        "{text:?}"
    );
}

#[test]
fn every_form_that_can_shows_the_states() {
    let project = failed();
    let form = |form: &str| draw(&project, &["--run", "latest", "--as", form]);
    let mermaid = form("mermaid");
    for line in [
        "  t1[\"test[py] ×3: 2 FAILED, 1 SUCCEEDED\"]\n",
        "  classDef failed fill:#ffd3cf,stroke:#cf222e,color:#1f2328\n  class t1 failed\n",
        "  class t2 skipped\n",
        "  class t0,t3,t4,t5 succeeded\n",
    ] {
        assert!(mermaid.contains(line), "{mermaid}");
    }
    let dot = form("dot");
    let line = "  \"pack\" [label=\"pack: SKIPPED\", style=filled, fillcolor=\"#e7ebef\", color=\"#8c959f\"];\n";
    assert!(dot.contains(line), "{dot}");
    let json: serde_json::Value = serde_json::from_str(&form("json")).expect("JSON");
    assert_eq!(json["nodes"][1]["name"], "test[py=3.11]");
    assert_eq!(json["nodes"][1]["state"], "FAILED");
    assert_eq!(json["nodes"][2]["state"], "SUCCEEDED");
    let svg = form("svg");
    require_xml(&svg);
    assert!(svg.contains(">2 FAILED, 1 SUCCEEDED</text>"), "{svg}");
    assert_eq!(svg.matches("style=\"fill:#ffd3cf;stroke:#cf222e\"").count(), 2, "box and legend");
    let outcome = project.run(&["graph", "--run", "latest", "--as", "pyoco"]).exits(2);
    outcome.complains("`--as pyoco` has no place").complains("`svg` have");
    assert!(!draw(&project, &["--as", "json"]).contains("state"));
}

#[test]
fn without_a_file_it_is_the_one_that_ran() {
    let project = failed();
    project.file("pyoco.yaml", "tasks: {other: 'true', fetch: 'true'}\n");
    assert!(draw(&project, &["--run", "latest"]).starts_with("pack  SKIPPED\n"));
    // A file that is named is drawn as it is now.
    let outcome = project.run(&["graph", "pyoco.yaml", "--run", "latest"]).exits(0);
    same(&outcome.stdout, "other  not in the run\nfetch  SUCCEEDED\n");
    outcome.complains("warning: `pyoco.yaml` has changed since run");
    project.file("b.yaml", "tasks: {nothing: 'true'}\n");
    let outcome = project.run(&["graph", "b.yaml", "--run", "latest"]).exits(2);
    outcome.complains("has no task of `b.yaml`").complains("leave FILE out");
    // Where the copy is gone, the file that the record names is the next best.
    let copy = project.record().dir.join("flow.yaml");
    std::fs::remove_file(copy).expect("it is there");
    let outcome = project.run(&["graph", "--run", "latest"]).exits(0);
    same(&outcome.stdout, "other  not in the run\nfetch  SUCCEEDED\n");
}

#[test]
fn the_params_of_the_run_count() {
    let mut project = Project::with(
        "params: {of: {type: list, required: true}}\ntasks:\n  t: {run: 'true', matrix: {k: '${{ params.of }}'}}\n",
    );
    project.run(&["run", "-q", "-p", "of=a,b"]).exits(0);
    project.env("PYOCO_PARAM_OF", "x,y,z");
    assert_eq!(draw(&project, &["--run", "latest"]), "t[k] ×2  2 SUCCEEDED\n");
}

#[test]
fn a_run_that_is_not_there_is_refused() {
    let project = Project::with(FLOW);
    project.run(&["graph", "--run", "latest"]).exits(2).complains("no run `latest`");
    project.run(&["graph", "--run", "x"]).exits(2).complains("`x` is not a run id");
    assert!(!project.has(".pyoco"));
}
