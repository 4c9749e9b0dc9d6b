package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/vm"
)

// maxNodes bounds the size of one expression.
const maxNodes = 400

// memoryBudget bounds the lists that one evaluation makes, in elements.
const memoryBudget = 100_000

// builtins are what expressions may use of the language's own functions: those that take
// time in proportion to their input and always give the same. keys, values, toPairs (the
// order of a map), now, repeat and reduce are not among them.
var builtins = map[string]bool{
	"all": true, "any": true, "none": true, "one": true, "filter": true, "map": true, "find": true, "findIndex": true, "count": true,
	"len": true, "type": true, "abs": true, "ceil": true, "floor": true, "round": true, "int": true, "float": true, "string": true,
	"trim": true, "trimPrefix": true, "trimSuffix": true, "upper": true, "lower": true, "split": true, "indexOf": true,
	"lastIndexOf": true, "hasPrefix": true, "hasSuffix": true, "max": true, "min": true, "sum": true, "fromBase64": true,
	"first": true, "last": true, "get": true, "take": true, "reverse": true, "uniq": true, "flatten": true,
}

// isPath recognises a plain copy of a field, which needs no expression.
var isPath = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// expression is a compiled one: a path of names, or a program.
type expression struct {
	text    string
	path    []string
	program *vm.Program
}

// compiler compiles expressions with the functions of a mapping.
type compiler struct {
	options   []expr.Option
	functions []string
}

func newCompiler(sql SQL) *compiler {
	c := &compiler{}
	c.options = []expr.Option{
		expr.Env(map[string]any{}), expr.AllowUndefinedVariables(), expr.MaxNodes(maxNodes),
	}
	for _, f := range functionsOf(sql) {
		c.functions = append(c.functions, f.name)
		c.options = append(c.options, expr.Function(f.name, f.call, f.kind))
	}
	c.options = append(c.options, expr.DisableBuiltin("replace"), expr.DisableBuiltin("join"))
	return c
}

// compile refuses what could run for long or give different results.
func (c *compiler) compile(text string) (*expression, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("empty expression")
	}
	if isPath.MatchString(text) && text != "true" && text != "false" && text != "nil" {
		return &expression{text: text, path: strings.Split(text, ".")}, nil
	}
	check := &guard{functions: c.functions, fields: map[ast.Node]string{}}
	program, err := expr.Compile(text, append(slices.Clip(c.options), expr.Patch(check))...)
	if check.problem != nil {
		return nil, check.problem
	}
	if err != nil {
		return nil, errors.New(strings.TrimSpace(err.Error()))
	}
	return &expression{text: text, program: program}, nil
}

// run evaluates with a machine that is used for nothing else meanwhile.
func (e *expression) run(machine *vm.VM, env fields) (any, error) {
	if e.program == nil {
		var v any = env
		for _, name := range e.path {
			m, ok := v.(map[string]any)
			if !ok {
				return nil, nil
			}
			v = m[name]
		}
		return v, nil
	}
	v, err := machine.Run(e.program, env)
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(line)
	}
	return v, nil
}

// holds evaluates a condition.
func (e *expression) holds(machine *vm.VM, env fields) (bool, error) {
	v, err := e.run(machine, env)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok && v != nil {
		return false, fmt.Errorf("want true or false, found %s", nameOf(v))
	}
	return b, nil
}

// guard checks an expression and makes it total on ragged records: a member of what is
// not there is nil, and a comparison of texts takes nil for "".
type guard struct {
	functions []string
	fields    map[ast.Node]string // fields that bear the name of a function
	problem   error
}

func (g *guard) refuse(format string, args ...any) {
	if g.problem == nil {
		g.problem = fmt.Errorf(format, args...)
	}
}

// Visit implements ast.Visitor. Inner nodes come before those around them.
func (g *guard) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		ast.Patch(node, call("at", n.Node, n.Property))
	case *ast.BuiltinNode:
		g.allowed(n)
	case *ast.IdentifierNode:
		if slices.Contains(g.functions, n.Value) || slices.Contains(builtin.Names, n.Value) {
			ast.Patch(node, call("at", &ast.IdentifierNode{Value: "$env"}, &ast.StringNode{Value: n.Value}))
			g.fields[*node] = n.Value
		}
	case *ast.CallNode:
		if name, ok := g.fields[n.Callee]; ok {
			n.Callee = &ast.IdentifierNode{Value: name} // it is called after all
		}
		if id, ok := n.Callee.(*ast.IdentifierNode); !ok || !slices.Contains(g.functions, id.Value) {
			g.refuse("unknown function %s", n.Callee.String())
		}
	case *ast.BinaryNode:
		g.binary(n)
	}
}

func (g *guard) allowed(n *ast.BuiltinNode) {
	if !builtins[n.Name] {
		g.refuse("function %s is not allowed", n.Name)
	}
	for _, a := range n.Arguments {
		p, ok := a.(*ast.PredicateNode)
		if !ok {
			continue
		}
		inner := &finder{}
		ast.Walk(&p.Node, inner)
		switch {
		case inner.predicate:
			g.refuse("%s: a pass over a list within another is not allowed", n.Name)
		case inner.makesText:
			g.refuse("%s: texts may not be joined within a pass over a list", n.Name)
		}
	}
}

func (g *guard) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		g.refuse("ranges are not allowed")
	case "**", "^":
		g.refuse("powers are not allowed")
	case "matches":
		if _, constant := n.Right.(*ast.StringNode); !constant {
			g.refuse("matches: want the regular expression as a text")
		}
		n.Left = call("text", n.Left)
	case "startsWith", "endsWith", "contains":
		n.Left = call("text", n.Left)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok && onlyTexts(list) {
			n.Left = call("text", n.Left)
		}
	}
}

func onlyTexts(list *ast.ArrayNode) bool {
	for _, item := range list.Nodes {
		if _, ok := item.(*ast.StringNode); !ok {
			return false
		}
	}
	return len(list.Nodes) > 0
}

func call(name string, args ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// finder looks into a predicate.
type finder struct{ predicate, makesText bool }

// Visit implements ast.Visitor.
func (f *finder) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		f.predicate = true
	case *ast.BinaryNode:
		f.makesText = f.makesText || n.Operator == "+"
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && (id.Value == "replace" || id.Value == "join" || id.Value == "json" || id.Value == "sql") {
			f.makesText = true
		}
	}
}
