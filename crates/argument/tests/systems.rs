//! Systems that contradict themselves: refused by both sides before anything is computed, never a panic.

// Helpers of tests may panic as tests do.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use cotrain_argument::{
    Column, Expression, Functional, Matrix, ProofError, System, Values, WitnessError, proof_bytes,
    prove, verify,
};
use support::{Case, everything, number, transcript};

fn change(edit: impl FnOnce(&mut System)) -> Case {
    let mut case = everything(5, 16);
    edit(&mut case.system);
    case
}

fn refused(what: &str, edit: impl FnOnce(&mut System)) {
    let honest = everything(5, 16);
    let proof = honest.prove();
    let case = change(edit);
    assert!(
        matches!(proof_bytes(&case.system), Err(ProofError::System(_))),
        "{what}"
    );
    let verdict = verify(&case.system, transcript(), &case.inputs(), &proof);
    assert!(
        matches!(verdict, Err(ProofError::System(_))),
        "{what}: {verdict:?}"
    );
    let made = prove(
        &case.system,
        transcript(),
        &case.inputs(),
        &case.witness,
        &[0; 32],
    );
    let made = made.unwrap_err();
    assert!(
        matches!(made, WitnessError::System(ProofError::System(_))),
        "{what}: {made:?}"
    );
}

fn column(edit: impl FnOnce(&mut Column) + 'static) -> impl FnOnce(&mut System) {
    move |system| edit(&mut system.domains[0].columns[0])
}

#[test]
fn matrices_that_cannot_be_are_refused() {
    refused("no entries", |system| system.inputs[0].entries = 0);
    refused("no entries of a witness", |system| system.witnesses[0] = 0);
    refused("a width that is no power of two", |system| {
        system.inputs[0].width = 12;
    });
    refused("width 0", |system| system.inputs[0].width = 0);
    refused("too wide", |system| system.inputs[0].width = 1 << 17);
    refused(
        "a matrix that is not there",
        column(|c| *c = Column::Full(Matrix::Input(2))),
    );
    refused(
        "a witness that is not there",
        column(|c| *c = Column::Row(Matrix::Witness(2))),
    );
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    refused(
        "a full column",
        column(|c| *c = Column::Full(Matrix::Input(0))),
    );
    refused(
        "a row column",
        column(|c| *c = Column::Row(Matrix::Witness(0))),
    );
    refused("by row", column(|c| *c = Column::ByRow(vec![number(0); 9])));
    refused(
        "by column",
        column(|c| *c = Column::ByColumn(vec![number(0); 3])),
    );
    let inside = |rows, places| Column::Inside {
        rows,
        by_column: vec![number(0); places],
        beyond: number(0),
    };
    refused("inside, rows", column(move |c| *c = inside(9, 2)));
    refused("inside, columns", column(move |c| *c = inside(8, 3)));
}

#[test]
fn product_columns_that_do_not_fit_are_refused() {
    let product = |row, functional| Column::Product {
        matrix: Matrix::Input(0),
        row,
        functional,
    };
    let same = |count| Functional::Same(vec![number(0); count]);
    refused(
        "a longer combination",
        column(move |c| *c = product(4, same(5))),
    );
    refused("rows of 3", column(move |c| *c = product(3, same(3))));
    refused(
        "rows wider than a commitment",
        column(move |c| *c = product(32, same(3))),
    );
    refused(
        "more rows than the domain",
        column(move |c| *c = product(2, same(2))),
    );
    let each = |lists: usize, length| Functional::Each(vec![vec![0; length]; lists]);
    refused(
        "too few lists",
        column(move |c| *c = product(4, each(1, 4))),
    );
    refused(
        "too many lists",
        column(move |c| *c = product(4, each(3, 4))),
    );
    refused(
        "a longer list",
        column(move |c| *c = product(4, each(2, 5))),
    );
    let stride = |step, offset| Functional::Stride { step, offset };
    refused(
        "a stride beyond the row",
        column(move |c| *c = product(4, stride(3, 1))),
    );
    refused(
        "an offset beyond the row",
        column(move |c| *c = product(4, stride(0, 4))),
    );
}

#[test]
fn domains_lookups_and_products_that_do_not_fit_are_refused() {
    refused("a domain of 2^29 places", |system| {
        system.domains[0].row_variables = 28;
    });
    refused("a longer lookup", |system| {
        system.domains[0].lookups[0].push(Expression::number(0));
    });
    refused("a shorter lookup", |system| {
        system.domains[0].lookups[6].pop();
    });
    refused("no table", |system| system.table.values.clear());
    refused("half a row of the table", |system| {
        system.table.values.pop();
    });
    refused("a table of no columns", |system| system.table.arity = 0);
    refused("more classes than places", |system| {
        system.domains[0].products[0].classes = 3;
    });
    refused("more columns than a row", |system| {
        system.domains[0].products[0].columns = 5;
    });
    refused("a result of another size", |system| {
        system.domains[0].products[0].columns = 1;
    });
    refused("a factor with other rows", |system| {
        system.domains[0].products[0].row = 2;
    });
    refused("a factor that is not there", |system| {
        system.domains[0].products[0].right = Matrix::Input(7);
    });
    refused("a result that is not there", |system| {
        system.domains[0].products[0].result = Matrix::Witness(7);
    });
}

#[test]
fn a_witness_of_another_shape_is_refused_by_the_prover() {
    let refused = |what: &str, edit: fn(&mut Case)| {
        let mut case = everything(5, 16);
        edit(&mut case);
        let made = prove(
            &case.system,
            transcript(),
            &case.inputs(),
            &case.witness,
            &[0; 32],
        );
        assert!(matches!(made, Err(WitnessError::Shape(_))), "{what}");
    };
    refused("an input less", |case| {
        case.witness.inputs.pop();
    });
    refused("an entry more", |case| {
        case.witness.inputs[1].values = Values::Small(vec![0; 5]);
    });
    refused("a blinding less", |case| {
        case.witness.inputs[0].blindings.pop();
    });
    refused("a witness matrix less", |case| {
        case.witness.witnesses.pop();
    });
    refused("an entry less", |case| {
        case.witness.witnesses[0] = Values::Small(vec![0; 15]);
    });
    refused("no lookups", |case| case.witness.lookups.clear());
    refused("a lookup less", |case| {
        case.witness.lookups[0].pop();
    });
    refused("a place less", |case| {
        case.witness.lookups[0][0].pop();
    });
    refused("a row that the table does not have", |case| {
        case.witness.lookups[0][0][0] = 222;
    });
}

#[test]
fn errors_say_what_is_wrong() {
    let texts = [
        ProofError::Length {
            expected: 9,
            got: 8,
        }
        .to_string(),
        ProofError::Format.to_string(),
        ProofError::Encoding { element: 3 }.to_string(),
        ProofError::Input { matrix: 1 }.to_string(),
        ProofError::Challenge.to_string(),
        ProofError::False.to_string(),
        ProofError::System("x").to_string(),
        WitnessError::Shape("y").to_string(),
    ];
    for (index, text) in texts.iter().enumerate() {
        assert!(text.len() > 20 && !texts[..index].contains(text));
    }
}

#[test]
fn two_lengths_of_a_row_of_one_matrix_are_refused() {
    let short = || Column::Product {
        matrix: Matrix::Input(0),
        row: 2,
        functional: Functional::Same(vec![number(1)]),
    };
    let grown = change(|system| system.domains[0].row_variables += 1);
    assert!(proof_bytes(&grown.system).is_ok());
    refused("another column", move |system| {
        // Twice as many rows as places: the matrix no longer fits unless the domain grows with it.
        system.domains[0].row_variables += 1;
        system.domains[0].columns.push(short());
    });
}
