package world

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

// token makes an EKS token as aws-iam-authenticator and the AWS CLI do.
func token(t *testing.T, cfg aws.Config, cluster string) string {
	t.Helper()
	p := sts.NewPresignClient(sts.NewFromConfig(cfg))
	req, err := p.PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, func(o *sts.Options) {
			if cluster != "" {
				o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("x-k8s-aws-id", cluster), smithyhttp.SetHeaderValue("X-Amz-Expires", "60"))
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(req.URL))
}

func review(t *testing.T, w *World, cluster, token string) (authenticated bool, username, reason string) {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":%q}}`, token)
	res, err := http.Post(w.URL()+"/_world/token-review/"+cluster, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct {
		APIVersion string
		Status     struct {
			Authenticated bool
			User          struct {
				Username string
				Groups   []string
			}
			Error string
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	if out.APIVersion != "authentication.k8s.io/v1" || (out.Status.Authenticated && fmt.Sprint(out.Status.User.Groups) != "[system:masters]") {
		t.Errorf("review = %+v", out)
	}
	return out.Status.Authenticated, out.Status.User.Username, out.Status.Error
}

func TestTokensLogInToTheirClusterOnly(t *testing.T) {
	w, clk := newWorld(t)
	clusters := eks.New(eks.Options{Clock: clk, Account: w.Account(), Region: w.Region()})
	t.Cleanup(clusters.Close)
	w.Mux().Register("eks", clusters)
	for _, name := range []string{"shop", "shop-green"} {
		if _, err := awseks.NewFromConfig(w.AWSConfig()).CreateCluster(t.Context(), &awseks.CreateClusterInput{Name: &name, RoleArn: aws.String("arn:aws:iam::123456789012:role/cluster"),
			ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{"subnet-0a", "subnet-0b"}}}); err != nil {
			t.Fatal(err)
		}
	}
	good := token(t, w.AWSConfig(), "shop")
	if ok, user, reason := review(t, w, "shop", good); !ok || !strings.HasPrefix(user, "arn:aws:sts::123456789012:assumed-role/") {
		t.Errorf("own cluster: %v %q %s", ok, user, reason)
	}
	if ok, _, reason := review(t, w, "shop", token(t, w.FunctionConfig("perceive"), "shop")); !ok {
		t.Errorf("token of a function: %s", reason)
	}
	// The secret of the account's own keys is anybody's choice.
	own := w.AWSConfig()
	for _, secret := range []string{"test", "of my own"} {
		own.Credentials = credentials.NewStaticCredentialsProvider("test", secret, "")
		if ok, _, reason := review(t, w, "shop", token(t, own, "shop")); !ok {
			t.Errorf("a key with the secret %q: %s", secret, reason)
		}
	}
	own.Credentials = credentials.NewStaticCredentialsProvider("test", "test", "")
	for name, tc := range map[string]struct{ cluster, token string }{
		"another cluster":     {"shop-green", good},
		"another, own key":    {"shop-green", token(t, own, "shop")},
		"no cluster signed":   {"shop", token(t, w.AWSConfig(), "")},
		"not an EKS token":    {"shop", "abc"},
		"not base64":          {"shop", "k8s-aws-v1.!!!"},
		"not a URL of STS":    {"shop", "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte("https://example.com/?Action=Other"))},
		"a changed signature": {"shop", token(t, w.AWSConfig(), "shop")[:200]},
	} {
		if ok, _, reason := review(t, w, tc.cluster, tc.token); ok || reason == "" {
			t.Errorf("%s: authenticated = %v, reason = %q", name, ok, reason)
		}
	}
}

func TestAPresignedIdentityCallIsServed(t *testing.T) {
	w, _ := newWorld(t)
	tok := strings.TrimPrefix(token(t, w.AWSConfig(), "shop"), "k8s-aws-v1.")
	u, err := base64.RawURLEncoding.DecodeString(tok)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(string(u))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status = %d", res.StatusCode)
	}
}
