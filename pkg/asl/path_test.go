package asl

import (
	"errors"
	"testing"
)

func TestPathsFindWhatJaywayFinds(t *testing.T) {
	const document = `{"store":{"book":[
	  {"title":"A","price":8.95,"tags":["x","y"],"isbn":"1"},
	  {"title":"B","price":12.99,"tags":[]},
	  {"title":"C","price":22,"tags":["y"],"isbn":null}],"bicycle":{"color":"red","price":19.95}},
	  "n":[3,1,2],"odd key":{"a.b":1,"it's":2},"delivery-partner":"U","ü":{"$x":1},"e":[],"nil":null,"s":"text","limit":12}`
	root, err := decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{`$.n`, `[3,1,2]`},
		{`$['odd key']['a.b']`, `1`},
		{`$["odd key"]["it's"]`, `2`},
		{`$['odd key']['it\'s']`, `2`},
		{`$.delivery-partner`, `"U"`},
		{`$.ü.$x`, `1`},
		{`$.nil`, `null`},
		{`$.n[0]`, `3`},
		{`$.n[-1]`, `2`},
		{`$.n[ 1 ]`, `1`},
		{`$.n[0,2]`, `[3,2]`},
		{`$.n[0,9]`, `[3]`},
		{`$.n[1:]`, `[1,2]`},
		{`$.n[:1]`, `[3]`},
		{`$.n[-2:]`, `[1,2]`},
		{`$.n[:-1]`, `[3,1]`},
		{`$.n[5:9]`, `[]`},
		{`$.n[*]`, `[3,1,2]`},
		{`$.n.*`, `[3,1,2]`},
		{`$.s.*`, `[]`},
		{`$.store.bicycle.*`, `["red",19.95]`},
		{`$.store.*.color`, `["red"]`},
		{`$..price`, `[8.95,12.99,22,19.95]`},
		{`$.store..price`, `[8.95,12.99,22,19.95]`},
		{`$..book[0].title`, `["A"]`},
		{`$..book.length()`, `1`},
		{`$..nothing`, `[]`},
		{`$.store.book[*].title`, `["A","B","C"]`},
		{`$.store.book[*].isbn`, `["1",null]`},
		{`$.store.book[*]['title','price']`, `[{"title":"A","price":8.95},{"title":"B","price":12.99},{"title":"C","price":22}]`},
		{`$.store.bicycle['color','price']`, `{"color":"red","price":19.95}`},
		{`$.store.bicycle['color','weight']`, `{"color":"red"}`},
		{`$.store.book[?(@.price < 10)].title`, `["A"]`},
		{`$.store.book[?(@.price <= 12.99)].title`, `["A","B"]`},
		{`$.store.book[?(@.price > $.limit)].title`, `["B","C"]`},
		{`$.store.book[?(@.isbn)].title`, `["A","C"]`},
		{`$.store.book[?(!@.isbn)].title`, `["B"]`},
		{`$.store.book[?(@.isbn == null)].title`, `["C"]`},
		{`$.store.book[?(@.title == 'A' || @.title == "C")].title`, `["A","C"]`},
		{`$.store.book[?(@.title != 'A' && (@.price > 20 || @.price < 1))].title`, `["C"]`},
		{`$.store.book[?(@.title =~ /[ab]/i)].title`, `["A","B"]`},
		{`$.store.book[?(@.title =~ /[ab]/)].title`, `[]`},
		{`$.store.book[?(@.title in ['A','C'])].title`, `["A","C"]`},
		{`$.store.book[?(@.title nin ['A','C'])].title`, `["B"]`},
		{`$.store.book[?(@.tags contains 'y')].title`, `["A","C"]`},
		{`$.store.book[?(@.tags empty true)].title`, `["B"]`},
		{`$.store.book[?(@.tags size 2)].title`, `["A"]`},
		{`$.store.book[?(@.tags anyof ['x'])].title`, `["A"]`},
		{`$.store.book[?(@.isbn == 1)].title`, `["A"]`},
		{`$.store.book[?(@.gone == 1)]`, `[]`},
		{`$.n[?(@ > 1)]`, `[3,2]`},
		{`$.[?(@.limit == 12)].s`, `["text"]`},
		{`$.store.bicycle[?(@.color == 'red')].price`, `[19.95]`},
		{`$..[?(@.price == 22)].title`, `["C"]`},
		{`$.n.length()`, `3`},
		{`$.n.sum()`, `6.0`},
		{`$.n.min()`, `1.0`},
		{`$.n.max()`, `3.0`},
		{`$.n.avg()`, `2.0`},
		{`$.n.first()`, `3`},
		{`$.n.last()`, `2`},
		{`$.store.keys()`, `["book","bicycle"]`},
		{`$.n.append(4)`, `[3,1,2,4]`},
		// What is missing on the way of a path that can find many is no failure.
		{`$.gone[*]`, `[]`},
		{`$.gone[1:].x`, `[]`},
		{`$.store.gone.items[:1]`, `[]`},
	} {
		t.Run(c.path, func(t *testing.T) {
			p, err := parsePath(c.path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.eval(root)
			if err != nil {
				t.Fatal(err)
			}
			if text(got) != c.want {
				t.Errorf("found %s, want %s", text(got), c.want)
			}
		})
	}
}

func TestPathsThatLeadNowhere(t *testing.T) {
	root, err := decode([]byte(`{"a":{"b":1},"n":[1],"s":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, why string }{
		{`$.gone`, "No results for path: $['gone']"},
		{`$.gone.x`, "Missing property in path $['gone']"},
		{`$.a.gone`, "No results for path: $['a']['gone']"},
		{`$.n[1]`, "No results for path: $['n'][1]"},
		{`$.n[-2]`, "No results for path: $['n'][-2]"},
		{`$.a[0]`, `Filter: [0] can only be applied to arrays. Current context is: {"b":1}`},
		{`$.s.x`, "Expected to find an object with property ['x'] in path $['s'] but found 'java.lang.String'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."},
		{`$[1:]`, `Filter: [1:] can only be applied to arrays. Current context is: {"a":{"b":1},"n":[1],"s":"x"}`},
	} {
		t.Run(c.path, func(t *testing.T) {
			p, err := parsePath(c.path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.eval(root); !errors.Is(err, errNotFound) || err.Error() != c.why {
				t.Errorf("%v, want %s", err, c.why)
			}
		})
	}
}

func TestPathsThatDoNotParse(t *testing.T) {
	for _, src := range []string{``, `a`, `$.`, `$..`, `$a.`, `$.a b`, `$[`, `$[]`, `$['a'`, `$['a`, `$[a]`, `$[1`, `$[1:x]`, `$[:]`, `$.a[?]`, `$.a[?(]`, `$.a[?(@.b ==)]`,
		`$.a[?(@.b = 1)]`, `$.a[?(1)]`, `$.a[?(@.b =~ 'x')]`, `$.a[?(@.b =~ /(/)]`, `$.a.nothing()`, `$.n.length().x`, `$.a.append(`, `$...a`} {
		if p, err := parsePath(src); err == nil {
			t.Errorf("%q is read as %+v", src, p)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, src := range []string{`$`, `$$.Execution.Id`, `$v[0]`, `$..a[?(@.b == 'c' && !(@.d =~ /x/i))]['e','f'][-1:]`, `$.a.append(1, "x").length()`, `$.n[0,1][*]`, `$..length()`} {
		f.Add(src)
	}
	root, err := decode([]byte(`{"a":[{"b":"c","d":1,"e":[1,2]},null,"x"],"n":{"f":true}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := parsePath(src)
		if err != nil {
			return
		}
		v, err := p.eval(root)
		if err != nil {
			return
		}
		if _, err := encode(v); err != nil {
			t.Fatal(err)
		}
	})
}
