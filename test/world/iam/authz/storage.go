package authz

import (
	"strings"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// S3's ARNs have neither region nor account.
func bucket(r Request) []string { return []string{"arn:aws:s3:::" + r.text("Bucket")} }
func object(r Request) []string {
	return []string{"arn:aws:s3:::" + r.text("Bucket") + "/" + r.text("Key")}
}

func listed(action string) Rule {
	return with(on(action, bucket), "s3:prefix", "Prefix", "s3:delimiter", "Delimiter", "s3:max-keys", "MaxKeys")
}

// byVersion asks for another action when the request names a version.
func byVersion(plain, versioned string) Rule {
	return func(r Request) []Need {
		if r.text("VersionId") != "" {
			return with(on(versioned, object), "s3:versionid", "VersionId")(r)
		}
		return on(plain, object)(r)
	}
}

// copied needs to read the source as well.
func copied(r Request) []Need {
	needs := on("s3:PutObject", object)(r)
	source, version, _ := strings.Cut(strings.TrimPrefix(r.text("CopySource"), "/"), "?versionId=")
	action := "s3:GetObject"
	if version != "" {
		action = "s3:GetObjectVersion"
	}
	return append(needs, Need{Action: action, Resource: "arn:aws:s3:::" + source, Context: policy.Context{}})
}

// deletedAll needs to delete each object.
func deletedAll(r Request) []Need {
	var out []Need
	for _, key := range unique(r.texts("Delete.Objects.Key")) {
		out = append(out, Need{Action: "s3:DeleteObject", Resource: "arn:aws:s3:::" + r.text("Bucket") + "/" + key, Context: policy.Context{}})
	}
	if out == nil { // the list is in a body that is not known here
		return on("s3:DeleteObject", func(r Request) []string { return []string{"arn:aws:s3:::" + r.text("Bucket") + "/*"} })(r)
	}
	return out
}

func put(action string) Rule {
	return with(on(action, object), "s3:x-amz-server-side-encryption", "ServerSideEncryption", "s3:x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId",
		"s3:x-amz-acl", "ACL", "s3:x-amz-storage-class", "StorageClass", "s3:if-none-match", "IfNoneMatch", "s3:if-match", "IfMatch")
}

var s3 = merge(
	map[string]Rule{
		"ListBuckets": on("s3:ListAllMyBuckets", anything), "HeadBucket": on("s3:ListBucket", bucket),
		"ListObjects": listed("s3:ListBucket"), "ListObjectsV2": listed("s3:ListBucket"), "ListObjectVersions": listed("s3:ListBucketVersions"),
		"ListMultipartUploads": on("s3:ListBucketMultipartUploads", bucket),
		"GetObject":            byVersion("s3:GetObject", "s3:GetObjectVersion"), "HeadObject": byVersion("s3:GetObject", "s3:GetObjectVersion"),
		"GetObjectAttributes": byVersion("s3:GetObject", "s3:GetObjectVersion"),
		"PutObject":           and(put("s3:PutObject"), when("Tagging", on("s3:PutObjectTagging", object))), "CopyObject": copied,
		"UploadPart": on("s3:PutObject", object), "UploadPartCopy": copied, "CreateMultipartUpload": put("s3:PutObject"), "CompleteMultipartUpload": on("s3:PutObject", object),
		"AbortMultipartUpload": on("s3:AbortMultipartUpload", object), "ListParts": on("s3:ListMultipartUploadParts", object),
		"DeleteObject": byVersion("s3:DeleteObject", "s3:DeleteObjectVersion"), "DeleteObjects": deletedAll,
		"GetObjectTagging":    byVersion("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
		"PutObjectTagging":    byVersion("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
		"DeleteObjectTagging": byVersion("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
		"GetObjectAcl":        byVersion("s3:GetObjectAcl", "s3:GetObjectVersionAcl"), "PutObjectAcl": byVersion("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
		"GetBucketEncryption": on("s3:GetEncryptionConfiguration", bucket), "PutBucketEncryption": on("s3:PutEncryptionConfiguration", bucket),
		"DeleteBucketEncryption":          on("s3:PutEncryptionConfiguration", bucket),
		"GetBucketLifecycleConfiguration": on("s3:GetLifecycleConfiguration", bucket), "PutBucketLifecycleConfiguration": on("s3:PutLifecycleConfiguration", bucket),
		"DeleteBucketLifecycle":              on("s3:PutLifecycleConfiguration", bucket),
		"DeleteBucketTagging":                on("s3:PutBucketTagging", bucket),
		"GetPublicAccessBlock":               on("s3:GetBucketPublicAccessBlock", bucket),
		"PutPublicAccessBlock":               on("s3:PutBucketPublicAccessBlock", bucket),
		"DeletePublicAccessBlock":            on("s3:PutBucketPublicAccessBlock", bucket),
		"GetBucketNotificationConfiguration": on("s3:GetBucketNotification", bucket), "PutBucketNotificationConfiguration": on("s3:PutBucketNotification", bucket),
		"GetBucketAccelerateConfiguration": on("s3:GetAccelerateConfiguration", bucket), "GetBucketReplication": on("s3:GetReplicationConfiguration", bucket),
		"DeleteBucketCors": on("s3:PutBucketCORS", bucket), "GetBucketCors": on("s3:GetBucketCORS", bucket), "PutBucketCors": on("s3:PutBucketCORS", bucket),
		"GetObjectLockConfiguration": on("s3:GetBucketObjectLockConfiguration", bucket), "PutObjectLockConfiguration": on("s3:PutBucketObjectLockConfiguration", bucket),
	},
	same("s3", bucket, "CreateBucket", "DeleteBucket", "GetBucketLocation", "GetBucketVersioning", "PutBucketVersioning", "GetBucketTagging", "PutBucketTagging",
		"GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicyStatus", "GetBucketAcl", "PutBucketAcl", "GetBucketLogging", "PutBucketLogging", "GetBucketRequestPayment",
		"GetBucketOwnershipControls", "PutBucketOwnershipControls", "GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"),
	same("s3", object, "GetObjectRetention", "PutObjectRetention", "GetObjectLegalHold", "PutObjectLegalHold", "RestoreObject"),
)

// parameters gives the ARNs of parameters: their names without version or
// label, and without a doubled slash.
func parameters(path string) resources {
	return func(r Request) []string {
		var out []string
		for _, name := range orAnything(unique(r.texts(path))) {
			out = append(out, r.parameter(name))
		}
		return unique(out)
	}
}

func (r Request) parameter(name string) string {
	if strings.HasPrefix(name, "arn:") {
		parts := strings.SplitN(name, ":", 7)
		return strings.Join(parts[:min(len(parts), 6)], ":")
	}
	name, _, _ = strings.Cut(name, ":")
	return r.arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
}

// ownKey is the key of secure strings that everybody in the account may use
// through the Parameter Store.
const ownKey = "alias/aws/ssm"

// decrypted needs the keys of the secure strings that are to be decrypted.
func decrypted(filter func(r Request) []ssmtypes.ParameterStringFilter) Rule {
	return func(r Request) []Need {
		if r.text("WithDecryption") != "true" {
			return nil
		}
		filters := append(filter(r), ssmtypes.ParameterStringFilter{Key: ptr("Type"), Option: ptr("Equals"), Values: []string{"SecureString"}})
		var out []Need
		for _, key := range unique(r.ask("ssm", "DescribeParameters", &awsssm.DescribeParametersInput{ParameterFilters: filters}, "Parameters.KeyId")) {
			if key != ownKey {
				out = append(out, Need{Action: "kms:Decrypt", Resource: r.key(key), Context: policy.Context{"kms:viaservice": {"ssm." + r.Region + ".amazonaws.com"}}})
			}
		}
		return out
	}
}

func byName(path string) func(Request) []ssmtypes.ParameterStringFilter {
	return func(r Request) []ssmtypes.ParameterStringFilter {
		var names []string
		for _, name := range r.texts(path) {
			plain, _, _ := strings.Cut(name[strings.LastIndex(name, ":parameter")+1:], ":")
			names = append(names, strings.TrimPrefix(plain, "parameter"))
		}
		return []ssmtypes.ParameterStringFilter{{Key: ptr("Name"), Option: ptr("Equals"), Values: names}}
	}
}

func byPath(r Request) []ssmtypes.ParameterStringFilter {
	option := "OneLevel"
	if r.text("Recursive") == "true" {
		option = "Recursive"
	}
	return []ssmtypes.ParameterStringFilter{{Key: ptr("Path"), Option: &option, Values: r.texts("Path")}}
}

// encryptedBy needs the key that a secure string is encrypted with.
func encryptedBy(r Request) []Need {
	key := r.text("KeyId")
	if r.text("Type") != "SecureString" || key == "" || key == ownKey {
		return nil
	}
	action := "kms:Encrypt"
	if tier := r.text("Tier"); tier == "Advanced" || tier == "Intelligent-Tiering" {
		action = "kms:GenerateDataKey"
	}
	return []Need{{Action: action, Resource: r.key(key), Context: policy.Context{"kms:viaservice": {"ssm." + r.Region + ".amazonaws.com"}}}}
}

func ptr[T any](v T) *T { return &v }

func everyParameter(r Request) []string { return []string{r.arn("ssm", "*")} }

var ssm = merge(
	map[string]Rule{
		"GetParameter":        and(on("ssm:GetParameter", parameters("Name")), decrypted(byName("Name"))),
		"GetParameters":       and(on("ssm:GetParameters", parameters("Names")), decrypted(byName("Names"))),
		"GetParametersByPath": and(with(on("ssm:GetParametersByPath", parameters("Path")), "ssm:Recursive", "Recursive"), decrypted(byPath)),
		"GetParameterHistory": and(on("ssm:GetParameterHistory", parameters("Name")), decrypted(byName("Name"))),
		"PutParameter":        and(with(on("ssm:PutParameter", parameters("Name")), "ssm:Overwrite", "Overwrite"), encryptedBy),
		"DeleteParameters":    on("ssm:DeleteParameters", parameters("Names")),
		"DescribeParameters":  on("ssm:DescribeParameters", everyParameter),
	},
	same("ssm", parameters("Name"), "DeleteParameter", "LabelParameterVersion", "UnlabelParameterVersion"),
	same("ssm", parameters("ResourceId"), "AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"),
)

// key is the ARN of a KMS key that is named by its id, ARN or alias.
func (r Request) key(id string) string {
	if found := r.ask("kms", "DescribeKey", &awskms.DescribeKeyInput{KeyId: &id}, "KeyMetadata.Arn"); len(found) == 1 {
		return found[0]
	}
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	if strings.HasPrefix(id, "alias/") {
		return r.arn("kms", id)
	}
	return r.arn("kms", "key/"+id)
}

func keys(path string) resources {
	return func(r Request) []string {
		if id := r.text(path); id != "" {
			return []string{r.key(id)}
		}
		return []string{r.arn("kms", "key/*")}
	}
}

// crypto adds the encryption context of a request.
func crypto(operation string) Rule {
	return func(r Request) []Need {
		needs := with(on("kms:"+operation, keys("KeyId")), "kms:EncryptionContextKeys", "EncryptionContext.#", "kms:EncryptionAlgorithm", "EncryptionAlgorithm")(r)
		for _, name := range r.texts("EncryptionContext.#") {
			needs[0].Context.Set("kms:EncryptionContext:"+name, mapValue(r.Input, "EncryptionContext", name))
		}
		if alias := r.text("KeyId"); strings.HasPrefix(alias, "alias/") {
			needs[0].Context.Set("kms:RequestAlias", alias)
		}
		return needs
	}
}

func reEncrypted(r Request) []Need {
	return append(on("kms:ReEncryptFrom", keys("SourceKeyId"))(r), on("kms:ReEncryptTo", keys("DestinationKeyId"))(r)...)
}

var kms = merge(
	map[string]Rule{
		"Encrypt": crypto("Encrypt"), "Decrypt": crypto("Decrypt"), "GenerateDataKey": crypto("GenerateDataKey"), "ReEncrypt": reEncrypted,
		"GenerateDataKeyWithoutPlaintext": crypto("GenerateDataKeyWithoutPlaintext"),
		"CreateAlias":                     and(on("kms:CreateAlias", arn("kms:{AliasName}")), on("kms:CreateAlias", keys("TargetKeyId"))),
		"UpdateAlias":                     and(on("kms:UpdateAlias", arn("kms:{AliasName}")), on("kms:UpdateAlias", keys("TargetKeyId"))),
		"DeleteAlias":                     on("kms:DeleteAlias", arn("kms:{AliasName}")),
	},
	same("kms", keys("KeyId"), "DescribeKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "EnableKeyRotation", "DisableKeyRotation",
		"GetKeyRotationStatus", "GetKeyPolicy", "PutKeyPolicy", "ListKeyPolicies", "ListResourceTags", "TagResource", "UntagResource", "UpdateKeyDescription",
		"Sign", "Verify", "GetPublicKey", "ListGrants", "CreateGrant", "RevokeGrant", "RetireGrant", "RotateKeyOnDemand", "GenerateMac", "VerifyMac", "ListKeyRotations"),
	same("kms", anything, "CreateKey", "ListKeys", "ListAliases", "GenerateRandom", "ListRetirableGrants"),
)
