package comprehend

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/comprehend/types"
)

// sure is the score of everything that the stand-in finds.
const sure = 0.99

// entityRules find entities, in this order; a place in the text is taken once.
var entityRules = []struct {
	kind types.EntityType
	re   *regexp.Regexp
}{
	{types.EntityTypeDate, regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}\b|\b(January|February|March|April|May|June|July|August|September|October|November|December)( \d{1,2},)? \d{4}\b`)},
	{types.EntityTypeCommercialItem, regexp.MustCompile(`\b(Amazon (EKS|EC2|S3|Linux 2023|Linux 2)|Kubernetes|Karpenter|Istio|Helm|Argo CD|Flux|Prometheus|CoreDNS|containerd|Docker)\b`)},
	{types.EntityTypeOrganization, regexp.MustCompile(`\b(Amazon Web Services|Amazon|AWS|CNCF|Google|Microsoft|Red Hat)\b`)},
	{types.EntityTypeQuantity, regexp.MustCompile(`\b\d+(\.\d+)?( ?%| (percent|days?|hours?|minutes?|weeks?|months?|years?|nodes?|pods?|clusters?|bytes|GiB|MiB)\b)`)},
	{types.EntityTypeOther, regexp.MustCompile(`\bv?\d+\.\d+(\.\d+)?\b|\b[a-z0-9.-]+\.k8s\.io(/v\d+((alpha|beta)\d+)?)?|\bCVE-\d{4}-\d+\b`)},
}

func entities(text string) []types.Entity {
	out := []types.Entity{}
	type span struct{ from, to int }
	var taken []span
	for _, rule := range entityRules {
		for _, m := range rule.re.FindAllStringIndex(text, -1) {
			if slices.ContainsFunc(taken, func(s span) bool { return m[0] < s.to && s.from < m[1] }) {
				continue
			}
			taken = append(taken, span{m[0], m[1]})
			from, to := offsets(text, m[0], m[1])
			out = append(out, types.Entity{BeginOffset: from, EndOffset: to, Text: aws.String(text[m[0]:m[1]]), Type: rule.kind, Score: aws.Float32(sure)})
		}
	}
	slices.SortFunc(out, func(a, b types.Entity) int { return cmp.Compare(*a.BeginOffset, *b.BeginOffset) })
	return out
}

// offsets counts characters, as Comprehend does.
func offsets(text string, from, to int) (*int32, *int32) {
	begin := utf8.RuneCountInString(text[:from])
	return aws.Int32(int32(begin)), aws.Int32(int32(begin + utf8.RuneCountInString(text[from:to]))) //nolint:gosec // texts are short
}

// common words are in no key phrase, and tell languages apart.
var common = map[string][]string{
	"en": strings.Fields("the a an and or of to in is are was were be been it that this with for on as by from at not have has will can must should you your we our they if when which no its into than but do does did"),
	"de": strings.Fields("der die das und oder von zu in ist sind war waren ein eine es dass mit für auf als nicht haben hat wird kann muss sie wir wenn auch dem den des"),
	"fr": strings.Fields("le la les et ou de des du à en est sont un une il que avec pour sur comme ne pas ont sera peut vous nous ils si dans qui au"),
	"es": strings.Fields("el la los las y o de del a en es son un una que con para por como no han será puede usted nosotros si se su al"),
	"it": strings.Fields("il lo la i gli le e o di del a in è sono un una che con per come non hanno sarà può noi se si della nel"),
	"pt": strings.Fields("o a os as e ou de do da em é são um uma que com para por como não têm será pode nós se no na ao"),
}

var word = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}._/-]*[\p{L}\p{N}]|[\p{L}\p{N}]`)

const longestPhrase = 4 // words

// keyPhrases are runs of up to 4 words on one line that are not common English.
func keyPhrases(text string) []types.KeyPhrase {
	out := []types.KeyPhrase{}
	from, to, n := 0, 0, 0
	flush := func() {
		if n > 0 && to-from > 2 {
			begin, end := offsets(text, from, to)
			out = append(out, types.KeyPhrase{BeginOffset: begin, EndOffset: end, Text: aws.String(text[from:to]), Score: aws.Float32(sure)})
		}
		n = 0
	}
	for _, m := range word.FindAllStringIndex(text, -1) {
		if n > 0 && (text[to:m[0]] != " " || n == longestPhrase) {
			flush()
		}
		if slices.Contains(common["en"], strings.ToLower(text[m[0]:m[1]])) {
			flush()
			continue
		}
		if n == 0 {
			from = m[0]
		}
		to = m[1]
		n++
	}
	flush()
	return out
}

// languages scores languages by their common words; English if there are none.
func languages(text string) []types.DominantLanguage {
	best, most, all := "en", 0, 0
	for _, code := range []string{"en", "de", "fr", "es", "it", "pt"} {
		n := 0
		for _, m := range word.FindAllString(text, -1) {
			if slices.Contains(common[code], strings.ToLower(m)) {
				n++
			}
		}
		all += n
		if n > most {
			best, most = code, n
		}
	}
	score := float32(sure)
	if all > 0 {
		score = sure * float32(most) / float32(all)
	}
	return []types.DominantLanguage{{LanguageCode: aws.String(best), Score: aws.Float32(score)}}
}

var (
	good = regexp.MustCompile(`(?i)\b(good|great|excellent|success(ful(ly)?)?|improved?|stable|fast(er)?|healthy|fixed|supported|love|happy)\b`)
	bad  = regexp.MustCompile(`(?i)\b(bad|fail(s|ed|ure|ing)?|errors?|broken|breaking|crash(es|ed)?|outage|deprecated|removed|unsupported|vulnerab\w+|slow(er)?|unhealthy|loss)\b`)
)

// sentiment counts good and bad words; more than twice as many of one decide.
func sentiment(text string) (types.SentimentType, *types.SentimentScore) {
	g, b := len(good.FindAllString(text, -1)), len(bad.FindAllString(text, -1))
	kind := types.SentimentTypeMixed
	switch {
	case g == 0 && b == 0:
		kind = types.SentimentTypeNeutral
	case g > 2*b:
		kind = types.SentimentTypePositive
	case b > 2*g:
		kind = types.SentimentTypeNegative
	}
	return kind, scoreOf(kind)
}

// scoreOf gives 0.97 to one sentiment and 0.01 to each other.
func scoreOf(kind types.SentimentType) *types.SentimentScore {
	of := func(k types.SentimentType) *float32 {
		if k == kind {
			return aws.Float32(0.97)
		}
		return aws.Float32(0.01)
	}
	return &types.SentimentScore{Mixed: of(types.SentimentTypeMixed), Negative: of(types.SentimentTypeNegative), Neutral: of(types.SentimentTypeNeutral), Positive: of(types.SentimentTypePositive)}
}
