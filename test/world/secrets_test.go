package world

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	ssmsdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func TestKeysEncryptAndDecrypt(t *testing.T) {
	w, clk := newWorld(t)
	ctx, c := t.Context(), kms.NewFromConfig(w.AWSConfig())
	key, err := c.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("artifacts")})
	if err != nil {
		t.Fatal(err)
	}
	id := key.KeyMetadata.KeyId
	if _, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/artifacts"), TargetKeyId: id}); err != nil {
		t.Fatal(err)
	}
	context := map[string]string{"upgrade": "u-1", "cluster": "shop"}
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("alias/artifacts"), Plaintext: []byte("secret"), EncryptionContext: context})
	if err != nil || *sealed.KeyId != *key.KeyMetadata.Arn || bytes.Contains(sealed.CiphertextBlob, []byte("secret")) {
		t.Fatalf("encrypt = %+v, %v", sealed, err)
	}
	decrypt := func(context map[string]string, keyID *string) (string, error) {
		out, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context, KeyId: keyID})
		if err != nil {
			return "", err
		}
		return string(out.Plaintext), nil
	}
	if got, err := decrypt(context, nil); err != nil || got != "secret" {
		t.Errorf("decrypt = %q, %v", got, err)
	}
	_, err = decrypt(map[string]string{"upgrade": "u-2", "cluster": "shop"}, nil)
	wantCode(t, err, "InvalidCiphertextException")
	other, err := c.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = decrypt(context, other.KeyMetadata.KeyId)
	wantCode(t, err, "IncorrectKeyException")
	moved, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: context, DestinationKeyId: other.KeyMetadata.KeyId})
	if err != nil || *moved.KeyId != *other.KeyMetadata.Arn {
		t.Errorf("re-encrypt = %+v, %v", moved, err)
	}
	if _, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = decrypt(context, nil)
	wantCode(t, err, "DisabledException")
	if _, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)}); err != nil {
		t.Fatal(err)
	}
	_, err = decrypt(context, nil)
	wantCode(t, err, "KMSInvalidStateException")
	clk.Advance(7 * 24 * time.Hour)
	_, err = c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
	wantCode(t, err, "NotFoundException")
	aliases, err := c.ListAliases(ctx, &kms.ListAliasesInput{})
	if err != nil || len(aliases.Aliases) != 0 {
		t.Errorf("the alias of a key that is deleted goes with it: %v, %v", aliases, err)
	}
	data, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: other.KeyMetadata.Arn, KeySpec: kmstypes.DataKeySpecAes256})
	if err != nil || len(data.Plaintext) != 32 {
		t.Errorf("data key of %d bytes, %v", len(data.Plaintext), err)
	}
}

func TestRefusedKeyRequests(t *testing.T) {
	w, _ := newWorld(t)
	ctx, c := t.Context(), kms.NewFromConfig(w.AWSConfig())
	key, err := c.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := key.KeyMetadata.KeyId
	for _, r := range []struct {
		name, code string
		call       func() error
	}{
		{"unknown key", "NotFoundException", func() error {
			_, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/none")})
			return err
		}},
		{"reserved alias", "NotAuthorizedException", func() error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/aws/mine"), TargetKeyId: id})
			return err
		}},
		{"bad alias", "InvalidAliasNameException", func() error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("mine"), TargetKeyId: id})
			return err
		}},
		{"key of AWS", "AccessDeniedException", func() error {
			_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: aws.String("alias/aws/ssm")})
			return err
		}},
		{"too much", "ValidationException", func() error {
			_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: make([]byte, 4097)})
			return err
		}},
		{"no ciphertext", "InvalidCiphertextException", func() error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: []byte("nonsense")})
			return err
		}},
		{"asymmetric", "UnsupportedOperationException", func() error {
			_, err := c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecRsa2048})
			return err
		}},
		{"window", "ValidationException", func() error {
			_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(3)})
			return err
		}},
	} {
		t.Run(r.name, func(t *testing.T) { wantCode(t, r.call(), r.code) })
	}
}

func TestSecureStringsAreEncryptedByTheirKey(t *testing.T) {
	w, _ := newWorld(t)
	ctx, c, keys := t.Context(), ssmsdk.NewFromConfig(w.AWSConfig()), kms.NewFromConfig(w.AWSConfig())
	key, err := keys.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := key.KeyMetadata.KeyId
	if _, err := c.PutParameter(ctx, &ssmsdk.PutParameterInput{Name: aws.String("/agent/token"), Value: aws.String("secret"), Type: ssmtypes.ParameterTypeSecureString, KeyId: id}); err != nil {
		t.Fatal(err)
	}
	get := func(decrypt bool) (string, error) {
		out, err := c.GetParameter(ctx, &ssmsdk.GetParameterInput{Name: aws.String("/agent/token"), WithDecryption: &decrypt})
		if err != nil {
			return "", err
		}
		return *out.Parameter.Value, nil
	}
	if got, err := get(false); err != nil || strings.Contains(got, "secret") || len(got) < 40 {
		t.Errorf("without decryption = %q, %v", got, err)
	}
	if got, err := get(true); err != nil || got != "secret" {
		t.Errorf("with decryption = %q, %v", got, err)
	}
	if _, err := keys.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = get(true)
	wantCode(t, err, "InvalidKeyId")
	_, err = c.PutParameter(ctx, &ssmsdk.PutParameterInput{Name: aws.String("/agent/other"), Value: aws.String("v"), Type: ssmtypes.ParameterTypeSecureString, KeyId: aws.String("alias/none")})
	wantCode(t, err, "InvalidKeyId")
	_, err = c.PutParameter(ctx, &ssmsdk.PutParameterInput{Name: aws.String("/agent/plain"), Value: aws.String("v"), Type: ssmtypes.ParameterTypeString, KeyId: id})
	wantCode(t, err, "ValidationException")
}

func TestLabelsTagsAndFiltersOfParameters(t *testing.T) {
	w, _ := newWorld(t)
	ctx, c := t.Context(), ssmsdk.NewFromConfig(w.AWSConfig())
	for _, v := range []string{"1", "2", "3"} {
		if _, err := c.PutParameter(ctx, &ssmsdk.PutParameterInput{Name: aws.String("/a/x"), Value: &v, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.PutParameter(ctx, &ssmsdk.PutParameterInput{Name: aws.String("/a/y"), Value: aws.String("v"), Type: ssmtypes.ParameterTypeSecureString,
		Tags: []ssmtypes.Tag{{Key: aws.String("team"), Value: aws.String("platform")}}}); err != nil {
		t.Fatal(err)
	}
	label := func(version int64) {
		t.Helper()
		out, err := c.LabelParameterVersion(ctx, &ssmsdk.LabelParameterVersionInput{Name: aws.String("/a/x"), ParameterVersion: &version, Labels: []string{"live", "aws-mine"}})
		if err != nil || len(out.InvalidLabels) != 1 {
			t.Fatalf("label = %+v, %v", out, err)
		}
	}
	label(1)
	label(2)
	got, err := c.GetParameter(ctx, &ssmsdk.GetParameterInput{Name: aws.String("/a/x:live")})
	if err != nil || *got.Parameter.Value != "2" || *got.Parameter.Selector != ":live" {
		t.Errorf("by label = %+v, %v", got, err)
	}
	names := func(filters ...ssmtypes.ParameterStringFilter) string {
		t.Helper()
		out, err := c.DescribeParameters(ctx, &ssmsdk.DescribeParametersInput{ParameterFilters: filters})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, p := range out.Parameters {
			all = append(all, *p.Name)
		}
		return strings.Join(all, " ")
	}
	for key, want := range map[string]string{"tag:team": "/a/y", "Type": "/a/y", "KeyId": "/a/y", "Name": "/a/x"} {
		value := map[string]string{"tag:team": "platform", "Type": "SecureString", "KeyId": "alias/aws/ssm", "Name": "/a/x"}[key]
		if got := names(ssmtypes.ParameterStringFilter{Key: &key, Values: []string{value}}); got != want {
			t.Errorf("filter %s: %q, want %q", key, got, want)
		}
	}
	secure, err := c.GetParametersByPath(ctx, &ssmsdk.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Type"), Values: []string{"SecureString"}}}})
	if err != nil || len(secure.Parameters) != 1 || *secure.Parameters[0].Name != "/a/y" {
		t.Errorf("secure ones by path = %+v, %v", secure, err)
	}
	tags, err := c.ListTagsForResource(ctx, &ssmsdk.ListTagsForResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: aws.String("/a/y")})
	if err != nil || len(tags.TagList) != 1 {
		t.Errorf("tags = %+v, %v", tags, err)
	}
}

// TestFiltersThatAreNotKnownAreNamed looks at the answer itself: the SDK drops
// the message of this error, the CLI shows it.
func TestFiltersThatAreNotKnownAreNamed(t *testing.T) {
	w, _ := newWorld(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL(), strings.NewReader(`{"ParameterFilters":[{"Key":"Colour","Values":["red"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260701/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=x")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AmazonSSM.DescribeParameters")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var raw map[string]string
	if err := json.NewDecoder(res.Body).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusBadRequest || raw["__type"] != "InvalidFilterKey" || !strings.HasPrefix(raw["message"], "The following filter key is not valid: Colour. Valid filter keys include: ") {
		t.Errorf("%d %+v", res.StatusCode, raw)
	}
}
