// Package nodeconfig reads what instances are started with for what an upgrade
// can break: flags, configuration keys and feature gates of the kubelet. User
// data can hold anything, secrets too; nothing else of it is kept, and no error
// quotes it.
//
// It knows the formats of the images for EKS: scripts that call
// /etc/eks/bootstrap.sh (Amazon Linux 2) or Start-EKSBootstrap.ps1 (Windows),
// NodeConfig of nodeadm (Amazon Linux 2023), settings of Bottlerocket, and MIME
// archives and gzip around them. Sources:
// https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html,
// https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/api/,
// https://bottlerocket.dev/en/os/latest/api/settings/kubernetes/.
package nodeconfig

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Bounds of what is read. EC2 takes 16 KiB of user data, but gzip makes much of
// little.
const (
	maxBytes  = 1 << 20
	maxParts  = 100
	maxDepth  = 4 // of archives in archives
	maxValues = 200
	maxLength = 200 // of a flag
)

// ReadBase64 reads user data as EC2's API gives it.
func ReadBase64(encoded string) upgrade.NodeConfig {
	if len(encoded) > 2*maxBytes {
		return upgrade.NodeConfig{Unread: "it is too large"}
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return upgrade.NodeConfig{Unread: "it is no base64"}
	}
	return Read(data)
}

// Read reads user data. What it cannot read it says in Unread, beside what it
// could.
func Read(data []byte) upgrade.NodeConfig {
	r := reader{flags: map[string]bool{}, keys: map[string]bool{}, gates: map[string]bool{}}
	r.read(data, "", 0)
	c := upgrade.NodeConfig{Unread: strings.Join(r.unread, "; ")}
	c.KubeletFlags, c.KubeletKeys = slices.Sorted(maps.Keys(r.flags)), slices.Sorted(maps.Keys(r.keys))
	if len(r.gates) > 0 {
		c.FeatureGates = r.gates
	}
	return c
}

// reader gathers what it finds.
type reader struct {
	flags  map[string]bool
	keys   map[string]bool
	gates  map[string]bool
	unread []string
	parts  int
}

func (r *reader) cannot(why string) {
	if !slices.Contains(r.unread, why) {
		r.unread = append(r.unread, why)
	}
}

// read reads data of a media type, or of any when that is empty.
func (r *reader) read(data []byte, media string, depth int) {
	if r.parts++; r.parts > maxParts || depth > maxDepth || len(data) > maxBytes {
		r.cannot("it is too large")
		return
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		plain, why := unzip(data)
		if why != "" {
			r.cannot(why)
			return
		}
		r.read(plain, media, depth+1)
		return
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(data), "\ufeff"), " \t\r\n")
	switch {
	case text == "":
	case strings.HasPrefix(media, "multipart/") || mimeHeader.MatchString(text):
		r.archive(text, depth)
	case media == "application/node.eks.aws":
		r.nodeadm(text)
	case strings.HasPrefix(text, "#!"), media == "text/x-shellscript", strings.HasPrefix(text, "<powershell>"), strings.HasPrefix(text, "<script>"):
		r.script(text)
	case strings.HasPrefix(text, "#cloud-config"), media == "text/cloud-config":
		r.cloudConfig(text)
	case strings.Contains(text, "apiVersion: node.eks.aws/"), strings.HasPrefix(text, "{"):
		r.nodeadm(text)
	default:
		r.bottlerocket(text)
	}
}

var mimeHeader = regexp.MustCompile(`(?i)^(mime-version|content-type):`)

func unzip(data []byte) ([]byte, string) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, "it is no gzip, though it begins like it"
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxBytes+1))
	switch {
	case len(plain) > maxBytes:
		return nil, "it is too large"
	case err != nil:
		return nil, "its gzip ends early or is damaged"
	}
	return plain, ""
}

// archive reads the parts of a MIME archive.
func (r *reader) archive(text string, depth int) {
	const bad = "its MIME archive cannot be read"
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		r.cannot(bad)
		return
	}
	media, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		r.cannot(bad)
		return
	}
	if !strings.HasPrefix(media, "multipart/") { // one part with a header of its own
		body, err := decoded(message.Body, message.Header.Get("Content-Transfer-Encoding"))
		if err != nil {
			r.cannot(bad)
			return
		}
		r.read(body, media, depth+1)
		return
	}
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return
		}
		if err != nil || r.parts > maxParts {
			r.cannot(bad)
			return
		}
		body, err := decoded(part, part.Header.Get("Content-Transfer-Encoding"))
		if err != nil {
			r.cannot(bad)
			return
		}
		media, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			media = ""
		}
		if strings.HasPrefix(media, "multipart/") { // its header is in the part's
			body = append([]byte("Content-Type: "+part.Header.Get("Content-Type")+"\n\n"), body...)
		}
		r.read(body, media, depth+1)
	}
}

func decoded(from io.Reader, encoding string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, 2*maxBytes))
	if err != nil || !strings.EqualFold(strings.TrimSpace(encoding), "base64") {
		return data, err
	}
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
}

// flag keeps a flag of the kubelet: its value too where it is plain.
func (r *reader) flag(flag string) {
	name, value, has := strings.Cut(flag, "=")
	if !flagName.MatchString(name) || len(r.flags) >= maxValues {
		return
	}
	if name == "--feature-gates" {
		for gate := range strings.SplitSeq(value, ",") {
			gate, on, _ := strings.Cut(strings.TrimSpace(gate), "=")
			r.gate(gate, on)
		}
	}
	if has && plainValue.MatchString(value) && len(flag) <= maxLength && !secretName.MatchString(name) {
		name += "=" + value
	}
	r.flags[name] = true
}

func (r *reader) gate(name, value string) {
	on, err := strconv.ParseBool(value)
	if err == nil && gateName.MatchString(name) && len(r.gates) < maxValues {
		r.gates[name] = on
	}
}

var (
	flagName   = regexp.MustCompile(`^--[a-z][a-z0-9-]{0,80}$`)
	gateName   = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,80}$`)
	keyName    = regexp.MustCompile(`^[a-z][A-Za-z0-9]{0,80}$`)
	plainValue = regexp.MustCompile(`^[A-Za-z0-9_.,:/=<>%+-]*$`)
	secretName = regexp.MustCompile(`token|secret|password|credential|auth|label|kubeconfig`)
)
