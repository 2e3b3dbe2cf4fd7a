package stepfunctions

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestClassesOfExceptions(t *testing.T) {
	for shape, want := range map[string][2]string{ // of the SDK for Java 1.x and 2.x
		"ResourceNotFoundException":   {"ResourceNotFoundException", "ResourceNotFoundException"},
		"ExecutionDoesNotExist":       {"ExecutionDoesNotExistException", "ExecutionDoesNotExistException"},
		"DBClusterNotFoundFault":      {"DBClusterNotFoundFaultException", "DbClusterNotFoundException"},
		"KMSInvalidStateException":    {"KMSInvalidStateException", "KmsInvalidStateException"},
		"InvalidKMSKeyId":             {"InvalidKMSKeyIdException", "InvalidKmsKeyIdException"},
		"NoSuchKey":                   {"NoSuchKeyException", "NoSuchKeyException"},
		"InvalidVPCId":                {"InvalidVPCIdException", "InvalidVpcIdException"},
		"EC2ThrottledException":       {"EC2ThrottledException", "Ec2ThrottledException"},
		"TooManyHealthChecks":         {"TooManyHealthChecksException", "TooManyHealthChecksException"},
		"CloudWatchLogsLogGroupInUse": {"CloudWatchLogsLogGroupInUseException", "CloudWatchLogsLogGroupInUseException"},
	} {
		for i, v2 := range []bool{false, true} {
			if got := exceptionClass(shape, v2); got != want[i] {
				t.Errorf("%s, v2 %t: %s, want %s", shape, v2, got, want[i])
			}
		}
	}
}

func TestJSONProblemsAreSaidAsJacksonSaysThem(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:         "",
		`{"a":1`:     "Unexpected end-of-input",
		`[1 2]`:      "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
		`{"a":1 "b"`: `Unexpected character ('"' (code 34)): was expecting comma to separate Object entries`,
		`*`:          "Unexpected character ('*' (code 42)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
		" \n":        "empty",
	} {
		if got := jsonProblem(text, "empty"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func FuzzJSONProblem(f *testing.F) {
	for _, seed := range []string{`{"a":`, `tru`, `"\x"`, `[1,]`, "\xff", `nul l`, `{"a":1}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) { jsonProblem(text, "empty") })
}

func TestMembersAreNamedAsInTheSDKForJava(t *testing.T) {
	for _, args := range []string{`{"DbClusterIdentifier":"shop"}`, `{"DBClusterIdentifier":"shop"}`} {
		in := &rds.DescribeDBClustersInput{}
		if err := wire.FromPascal([]byte(args), in, false); err != nil || *in.DBClusterIdentifier != "shop" {
			t.Errorf("%s: %v", args, err)
		}
		if out, err := wire.ToPascal(in); err != nil || !bytes.Contains(out, []byte(`"DbClusterIdentifier":"shop"`)) {
			t.Errorf("%s, %v", out, err)
		}
	}
}
