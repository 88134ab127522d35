//! A domain's expressions compiled into nodes, each made once (spec, "Program").

use std::collections::{BTreeMap, HashMap};

use ark_ff::Zero;

use crate::expression::Expression;
use crate::field::Field;
use crate::system::{Column, Constraint, Weight};

/// Number of a node.
pub(crate) type NodeId = usize;

/// A constant and coefficients for columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Affine {
    pub(crate) constant: Field,
    pub(crate) coefficients: BTreeMap<usize, Field>,
}

impl Affine {
    fn add(&mut self, factor: Field, other: &Self) {
        self.constant += factor * other.constant;
        for (&column, &coefficient) in &other.coefficients {
            *self.coefficients.entry(column).or_default() += factor * coefficient;
        }
        self.coefficients
            .retain(|_, coefficient| !coefficient.is_zero());
    }

    fn scaled(&self, factor: Field) -> Self {
        let mut result = Self::default();
        result.add(factor, self);
        result
    }

    fn is_zero(&self) -> bool {
        self.constant.is_zero() && self.coefficients.is_empty()
    }
}

/// One step of the computation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Affine(Affine),
    Product(NodeId, NodeId),
    Linear(Vec<(Field, NodeId)>),
}

/// The nodes of a domain and what its constraints are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    /// Weight and node of each constraint, in order.
    pub(crate) constraints: Vec<(Weight, NodeId)>,
    /// Degree of the round polynomials.
    pub(crate) degree: usize,
    /// Whether everybody can compute the node.
    pub(crate) public: Vec<bool>,
}

impl Program {
    /// Compile the constraints of an expanded domain.
    pub(crate) fn compile(columns: &[Column], constraints: &[Constraint]) -> Self {
        let mut compiler = Compiler::default();
        let outputs = constraints
            .iter()
            .map(|constraint| (constraint.weight, compiler.node(&constraint.expression)))
            .collect();
        let public = public_nodes(&compiler.nodes, columns);
        let mut program = Self {
            nodes: compiler.nodes,
            constraints: outputs,
            degree: 2,
            public,
        };
        program.degree = program.round_degree();
        program
    }

    /// The numbers of the products of two committed values, in order.
    pub(crate) fn secret_products(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes
            .iter()
            .enumerate()
            .filter_map(|(id, node)| match node {
                Node::Product(left, right) if !self.is_public(*left) && !self.is_public(*right) => {
                    Some(id)
                }
                _ => None,
            })
    }

    pub(crate) fn is_public(&self, id: NodeId) -> bool {
        self.public.get(id).copied().unwrap_or(true)
    }

    fn round_degree(&self) -> usize {
        let mut degrees: Vec<usize> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |id: &NodeId| degrees.get(*id).copied().unwrap_or(0);
            degrees.push(match node {
                Node::Affine(affine) => usize::from(!affine.coefficients.is_empty()),
                Node::Product(left, right) => of(left) + of(right),
                Node::Linear(parts) => parts.iter().map(|(_, id)| of(id)).max().unwrap_or(0),
            });
        }
        let constraints = self.constraints.iter().map(|(weight, id)| {
            degrees.get(*id).copied().unwrap_or(0) + usize::from(*weight != Weight::Total)
        });
        constraints.max().unwrap_or(0).max(2)
    }
}

fn public_nodes(nodes: &[Node], columns: &[Column]) -> Vec<bool> {
    let mut public: Vec<bool> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let of = |id: &NodeId| public.get(*id).copied().unwrap_or(true);
        public.push(match node {
            Node::Affine(affine) => {
                let mut used = affine.coefficients.keys();
                used.all(|&column| columns.get(column).is_some_and(Column::is_public))
            }
            Node::Product(left, right) => of(left) && of(right),
            Node::Linear(parts) => parts.iter().all(|(_, id)| of(id)),
        });
    }
    public
}

/// An expression that was compiled: still affine, or a node.
enum Compiled {
    Affine(Affine),
    Node(NodeId),
}

#[derive(Default)]
struct Compiler {
    nodes: Vec<Node>,
    known: HashMap<Node, NodeId>,
}

impl Compiler {
    fn node(&mut self, expression: &Expression) -> NodeId {
        match self.compile(expression) {
            Compiled::Affine(affine) => self.intern(Node::Affine(affine)),
            Compiled::Node(id) => id,
        }
    }

    fn intern(&mut self, node: Node) -> NodeId {
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        let id = self.nodes.len();
        self.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    fn compile(&mut self, expression: &Expression) -> Compiled {
        match expression {
            Expression::Constant(value) => Compiled::Affine(Affine {
                constant: *value,
                coefficients: BTreeMap::new(),
            }),
            Expression::Column(column) => Compiled::Affine(Affine {
                constant: Field::zero(),
                coefficients: [(*column, Field::from(1_u64))].into(),
            }),
            Expression::Sum(parts) => self.sum(parts),
            Expression::Product(left, right) => {
                let left = self.compile(left);
                let right = self.compile(right);
                self.product(left, right)
            }
        }
    }

    fn product(&mut self, left: Compiled, right: Compiled) -> Compiled {
        match (left, right) {
            (Compiled::Affine(number), other) | (other, Compiled::Affine(number))
                if number.coefficients.is_empty() =>
            {
                self.scaled(number.constant, other)
            }
            (left, right) => {
                let left = self.operand(left);
                let right = self.operand(right);
                Compiled::Node(self.intern(Node::Product(left, right)))
            }
        }
    }

    fn scaled(&mut self, factor: Field, other: Compiled) -> Compiled {
        match other {
            Compiled::Affine(affine) => Compiled::Affine(affine.scaled(factor)),
            Compiled::Node(id) => Compiled::Node(self.intern(Node::Linear(vec![(factor, id)]))),
        }
    }

    fn operand(&mut self, compiled: Compiled) -> NodeId {
        match compiled {
            Compiled::Affine(affine) => self.intern(Node::Affine(affine)),
            Compiled::Node(id) => id,
        }
    }

    fn sum(&mut self, parts: &[(Field, Expression)]) -> Compiled {
        let mut affine = Affine::default();
        let mut others = Vec::new();
        for (factor, part) in parts {
            match self.compile(part) {
                Compiled::Affine(form) => affine.add(*factor, &form),
                Compiled::Node(id) if !factor.is_zero() => others.push((*factor, id)),
                Compiled::Node(_) => {}
            }
        }
        if others.is_empty() {
            return Compiled::Affine(affine);
        }
        if !affine.is_zero() {
            let id = self.intern(Node::Affine(affine));
            others.insert(0, (Field::from(1_u64), id));
        }
        match others.as_slice() {
            [(factor, id)] if *factor == Field::from(1_u64) => Compiled::Node(*id),
            _ => Compiled::Node(self.intern(Node::Linear(others))),
        }
    }
}
