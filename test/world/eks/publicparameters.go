package eks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
)

// The parameters of AMIs that AWS publishes in Systems Manager (source: EKS User
// Guide, "Retrieve recommended Amazon Linux AMI IDs", "... Bottlerocket AMI IDs",
// "... Windows AMI IDs").
var (
	linuxParameter        = regexp.MustCompile(`^/aws/service/eks/optimized-ami/(1\.\d+)/(amazon-linux-2023/(?:x86_64|arm64)/(?:standard|nvidia|neuron)|amazon-linux-2|amazon-linux-2-gpu|amazon-linux-2-arm64)/recommended(?:/(image_id|image_name|release_version))?$`)
	bottlerocketParameter = regexp.MustCompile(`^/aws/service/bottlerocket/aws-k8s-(1\.\d+)((?:-nvidia)?(?:-fips)?)/(x86_64|arm64)/latest/(image_id|image_version)$`)
	windowsParameter      = regexp.MustCompile(`^/aws/service/ami-windows-latest/Windows_Server-(2019|2022|2025)-English-(Core|Full)-EKS_Optimized-(1\.\d+)/(image_id|release_version)$`)
)

// linuxAMIs are the AMI types behind the paths of parameters.
var linuxAMIs = map[string]types.AMITypes{
	"amazon-linux-2023/x86_64/standard": types.AMITypesAl2023X8664Standard, "amazon-linux-2023/arm64/standard": types.AMITypesAl2023Arm64Standard,
	"amazon-linux-2023/x86_64/nvidia": types.AMITypesAl2023X8664Nvidia, "amazon-linux-2023/arm64/nvidia": types.AMITypesAl2023Arm64Nvidia,
	"amazon-linux-2023/x86_64/neuron": types.AMITypesAl2023X8664Neuron,
	"amazon-linux-2":                  types.AMITypesAl2X8664, "amazon-linux-2-gpu": types.AMITypesAl2X8664Gpu, "amazon-linux-2-arm64": types.AMITypesAl2Arm64,
}

// PublicParameter returns a parameter that AWS publishes about EKS's AMIs; false
// when there is none of that name.
func PublicParameter(name string) (string, bool) {
	if m := linuxParameter.FindStringSubmatch(name); m != nil {
		return recommended(linuxAMIs[m[2]], m[1], m[3])
	}
	if m := bottlerocketParameter.FindStringSubmatch(name); m != nil {
		ami := "BOTTLEROCKET_" + strings.Replace(m[3], "arm64", "ARM_64", 1) + strings.ToUpper(strings.ReplaceAll(m[2], "-", "_"))
		return recommended(types.AMITypes(ami), m[1], strings.Replace(m[4], "image_version", "release_version", 1))
	}
	if m := windowsParameter.FindStringSubmatch(name); m != nil {
		return recommended(types.AMITypes(fmt.Sprintf("WINDOWS_%s_%s_x86_64", strings.ToUpper(m[2]), m[1])), m[3], m[4])
	}
	return "", false
}

// recommended returns a member of the newest release of an AMI type, or, with "",
// all of them as JSON.
func recommended(ami types.AMITypes, version, member string) (string, bool) {
	v, ok := findVersion(version)
	if !ok || ami == "" || checkAMI(&cluster{}, ami, version) != nil {
		return "", false
	}
	release := releases(v, ami)[0]
	image := imageName(ami, version, release)
	all := map[string]string{"schema_version": "2", "image_id": ec2.ImageID(image), "image_name": image, "release_version": release}
	if member != "" {
		return all[member], true
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(fmt.Sprintf("eks: strings are plain data: %v", err))
	}
	return string(text), true
}
