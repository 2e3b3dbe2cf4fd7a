package render

import (
	"encoding/json"
	"io"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
)

// JSON writes the document; docs/assess.schema.json describes it. Texts are as
// they were seen, escaped as JSON does.
func JSON(w io.Writer, d assess.Document) error { return encode(w, d) }

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
