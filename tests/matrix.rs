//! A task for each combination of values: names, needs, selection, pictures, and lists that are empty.

mod support;

use support::{Project, same};

const CHAIN: &str = "
params: {samples: [a, b, c]}
tasks:
  prep: 'true'
  trim:
    needs: prep
    matrix: {sample: \"${{ params.samples }}\"}
    run: echo trim >> \"log.$PYOCO_MATRIX_SAMPLE\"
  align:
    needs: 'trim[sample]'
    matrix:
      sample: ${{ params.samples }}
      ref: [hg19, hg38]
      exclude: [{sample: c, ref: hg19}]
      include: [{sample: a, ref: 'x,y'}]
    run: echo \"align $PYOCO_MATRIX_REF\" >> \"log.$PYOCO_MATRIX_SAMPLE\"
  report: {needs: align, run: cat log.*}
";

#[test]
fn chains_run_item_by_item() {
    let project = Project::with(CHAIN);
    let outcome = project.run(&["run", "-j1"]).exits(0);
    let expected =
        "trim\nalign hg19\nalign hg38\nalign x,y\ntrim\nalign hg19\nalign hg38\ntrim\nalign hg38\n";
    assert_eq!(outcome.stdout, expected);
    let names = project.record().names("task_started").join(" ");
    assert_eq!(
        names,
        "prep trim[sample=a] trim[sample=b] trim[sample=c] align[sample=a,ref=hg19] \
         align[sample=a,ref=hg38] align[sample=b,ref=hg19] align[sample=b,ref=hg38] \
         align[sample=c,ref=hg38] align[sample=a,ref=\"x,y\"] report"
    );
    project.run(&["runs", "logs", "latest", "align[sample=a,ref=hg19]"]).exits(0);
}

#[test]
fn members_are_chosen_by_name_by_value_and_by_glob() {
    let project = Project::with(CHAIN);
    let started = |args: &[&str]| {
        project.run(&[&["run", "-j1"], args].concat()).exits(0);
        project.record().names("task_started").join(" ")
    };
    assert_eq!(started(&["trim[sample=b]"]), "prep trim[sample=b]");
    assert_eq!(
        started(&["align[ref=hg38,sample=b]", "align[sample=a,ref=\"x,y\"]"]),
        "prep trim[sample=a] trim[sample=b] align[sample=b,ref=hg38] align[sample=a,ref=\"x,y\"]"
    );
    assert_eq!(started(&["--only", "trim"]), "trim[sample=a] trim[sample=b] trim[sample=c]");
    assert_eq!(started(&["--only", "*sample=b?"]), "trim[sample=b]");
    let outcome = project.run(&["run", "trim[sample=d]"]).exits(2);
    outcome.complains("unknown task `trim[sample=d]`").complains("did you mean `trim[sample=");
}

#[test]
fn pictures_and_lists_fold_the_members() {
    let project = Project::with(CHAIN);
    let tree = "report\n└─ align[sample,ref] ×6\n   └─ trim[sample] ×3\n      └─ prep\n";
    same(&project.run(&["graph"]).exits(0).stdout, tree);
    let list = project.run(&["list"]).exits(0);
    assert!(list.stdout.starts_with("prep\ntrim[sample] ×3\nalign[sample,ref] ×6\nreport\n"));
    let json = project.run(&["list", "--json"]).exits(0).json();
    assert_eq!(json["tasks"][1]["matrix"]["sample"], "a");
    // Read again as `graph`, the notation gives the same graph.
    let notation = project.run(&["graph", "--as", "pyoco"]).exits(0).stdout;
    let indented: String = notation.lines().map(|line| format!("  {line}\n")).collect();
    let no_needs =
        CHAIN.replace("needs: prep", "dir: .").replace("needs: 'trim[sample]'", "dir: .");
    let no_needs = no_needs.replace("{needs: align, run: cat log.*}", "{run: cat log.*}");
    let again = Project::with(&format!("graph: |\n{indented}{no_needs}"));
    assert_eq!(again.run(&["graph", "--as", "pyoco"]).exits(0).stdout, notation);
    let edges = |project: &Project| {
        project.run(&["graph", "--as", "json"]).exits(0).json()["edges"].clone()
    };
    assert_eq!(edges(&again), edges(&project));
}

#[test]
fn the_notation_takes_members_too() {
    let project = Project::with(
        "
graph: |
  prep >> trim[sample] >> align   # item by item
  (align[sample=a] & other) >> last
tasks:
  prep: 'true'
  other: 'true'
  trim: {matrix: {sample: [a, b]}, run: 'true'}
  align: {matrix: {sample: [a, b]}, run: 'true'}
  last: 'true'
",
    );
    let notation = project.run(&["graph", "--as", "pyoco"]).exits(0).stdout;
    same(
        &notation,
        "prep >> trim
trim[sample=a] >> align[sample=a]
trim[sample=b] >> align[sample=b]
(align[sample=a] & other) >> last
",
    );
}

#[test]
fn a_product_that_is_too_large_is_refused_with_its_count() {
    let values: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let list = values.join(", ");
    let project = Project::with(&format!(
        "tasks:\n  t:\n    matrix: {{a: [{list}], b: [{list}]}}\n    run: x\n"
    ));
    project
        .run(&["check"])
        .exits(2)
        .complains("the matrix of `t` has 10201 members (101 × 101), and 10000 is the most");
}

#[test]
fn ten_thousand_members_are_wired_by_value() {
    let values: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let list = values.join(", ");
    let project = Project::with(&format!(
        "tasks:
  a: {{matrix: {{x: [{list}], y: [{list}]}}, cmd: ['true']}}
  b: {{matrix: {{x: [{list}], y: [{list}]}}, cmd: ['true'], needs: 'a[x,y]'}}
  c: {{cmd: ['true'], needs: b}}
"
    ));
    let tree = project.run(&["graph"]).exits(0).stdout;
    same(&tree, "c\n└─ b[x,y] ×10000\n   └─ a[x,y] ×10000\n");
    project.run(&["check"]).exits(0);
}

#[test]
fn runs_know_a_matrix_by_its_name_and_some_members_by_their_values() {
    let project = Project::with(
        "
tasks:
  a: {matrix: {r: [x, y], s: [1, 2]}, run: 'echo \"$PYOCO_MATRIX_R$PYOCO_MATRIX_S\"'}
  ab: echo no
",
    );
    project.run(&["run", "-j1"]).exits(0);
    let logs = |word: &str| project.run(&["runs", "logs", "latest", word]).exits(0).stdout;
    assert_eq!(logs("a[s=2]"), "=== a[r=x,s=2]  SUCCEEDED\nx2\n=== a[r=y,s=2]  SUCCEEDED\ny2\n");
    assert_eq!(logs("a").lines().count(), 8);
    assert_eq!(logs("a[r=y,s=1]"), "y1\n");
    assert_eq!(logs("a[s=1,r=y]"), "y1\n");
    for flag in ["--task", "--why"] {
        let show = |more: &[&str]| {
            let words = [&["runs", "show", "latest", flag, "a"], more].concat();
            project.run(&words).exits(0).stdout
        };
        let shown = show(&[]);
        for name in ["a[r=x,s=1]", "a[r=x,s=2]", "a[r=y,s=1]", "a[r=y,s=2]"] {
            assert_eq!(shown.matches(name).count(), 1, "{shown}");
        }
        assert!(show(&["--limit", "3"]).ends_with("… and 1 more; --limit 4 shows all\n"));
    }
    for word in ["a[s=3]", "a[s]", "a[t=1]", "c"] {
        let refused = project.run(&["runs", "logs", "latest", word]).exits(2);
        refused.complains(&format!("error: unknown task `{word}`"));
    }
    let attempt = project.run(&["runs", "logs", "latest", "a", "--attempt", "2"]).exits(2);
    attempt.complains("error: task `a` has no attempt 2: there were 1");
}
