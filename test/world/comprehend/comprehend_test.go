package comprehend_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/comprehend"
	"github.com/aws/aws-sdk-go-v2/service/comprehend/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	worldcomprehend "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/comprehend"
)

func newWorld(t *testing.T) (*world.World, *comprehend.Client) {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w, comprehend.NewFromConfig(w.AWSConfig(), func(o *comprehend.Options) { o.RetryMaxAttempts = 1 })
}

func TestTheStandInFindsEntitiesWhereTheyAre(t *testing.T) {
	_, api := newWorld(t)
	const text = "Für Kubernetes 1.34 removes v1beta1 on 2026-08-01; AWS gives 14 days."
	out, err := api.DetectEntities(t.Context(), &comprehend.DetectEntitiesInput{Text: aws.String(text), LanguageCode: types.LanguageCodeEn})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range out.Entities {
		if string([]rune(text)[*e.BeginOffset:*e.EndOffset]) != *e.Text {
			t.Errorf("%q is not at %d to %d", *e.Text, *e.BeginOffset, *e.EndOffset)
		}
		got = append(got, fmt.Sprintf("%s %s", e.Type, *e.Text))
	}
	if want := "[COMMERCIAL_ITEM Kubernetes OTHER 1.34 DATE 2026-08-01 ORGANIZATION AWS QUANTITY 14 days]"; fmt.Sprint(got) != want {
		t.Errorf("entities = %v", got)
	}
}

func TestTheStandInJudgesByItsRules(t *testing.T) {
	_, api := newWorld(t)
	phrases, err := api.DetectKeyPhrases(t.Context(), &comprehend.DetectKeyPhrasesInput{Text: aws.String("The flow control API is removed from the server."), LanguageCode: types.LanguageCodeEn})
	if err != nil || len(phrases.KeyPhrases) != 3 || *phrases.KeyPhrases[0].Text != "flow control API" {
		t.Errorf("phrases = %+v, %v", phrases, err)
	}
	language, err := api.DetectDominantLanguage(t.Context(), &comprehend.DetectDominantLanguageInput{Text: aws.String("Das ist nicht die API, mit der wir sind.")})
	if err != nil || *language.Languages[0].LanguageCode != "de" {
		t.Errorf("language = %+v, %v", language, err)
	}
	for text, want := range map[string]types.SentimentType{
		"The upgrade failed with errors.": types.SentimentTypeNegative, "A great success.": types.SentimentTypePositive,
		"A node.": types.SentimentTypeNeutral, "Fixed one failure.": types.SentimentTypeMixed,
	} {
		out, err := api.DetectSentiment(t.Context(), &comprehend.DetectSentimentInput{Text: &text, LanguageCode: types.LanguageCodeEn})
		if err != nil || out.Sentiment != want {
			t.Errorf("%q: %v, %v", text, out, err)
		}
	}
}

func TestTextsHaveLimits(t *testing.T) {
	_, api := newWorld(t)
	long := strings.Repeat("a", 5001)
	_, err := api.DetectSentiment(t.Context(), &comprehend.DetectSentimentInput{Text: &long, LanguageCode: types.LanguageCodeEn})
	if e, ok := errors.AsType[*types.TextSizeLimitExceededException](err); !ok || !strings.Contains(e.ErrorMessage(), "5000 bytes while in this request the text size is 5001 bytes") {
		t.Errorf("sentiment: %v", err)
	}
	longer := strings.Repeat("a", 100_001)
	_, err = api.DetectEntities(t.Context(), &comprehend.DetectEntitiesInput{Text: &longer, LanguageCode: types.LanguageCodeEn})
	if _, ok := errors.AsType[*types.TextSizeLimitExceededException](err); !ok {
		t.Errorf("entities: %v", err)
	}
	out, err := api.BatchDetectEntities(t.Context(), &comprehend.BatchDetectEntitiesInput{TextList: []string{"AWS", long}, LanguageCode: types.LanguageCodeEn})
	if err != nil || len(out.ResultList) != 1 || len(out.ErrorList) != 1 || *out.ErrorList[0].Index != 1 || *out.ErrorList[0].ErrorCode != "TEXT_SIZE_LIMIT_EXCEEDED" {
		t.Errorf("batch = %+v, %v", out, err)
	}
	_, err = api.BatchDetectEntities(t.Context(), &comprehend.BatchDetectEntitiesInput{TextList: make([]string, 26), LanguageCode: types.LanguageCodeEn})
	if _, ok := errors.AsType[*types.BatchSizeLimitExceededException](err); !ok {
		t.Errorf("26 texts: %v", err)
	}
}

func TestScriptsComeFirst(t *testing.T) {
	w, api := newWorld(t)
	w.Comprehend().Script("DetectSentiment", func(text string) bool { return text == "x" }, worldcomprehend.Answer{Sentiment: types.SentimentTypePositive})
	w.Comprehend().Script("ClassifyDocument", nil, worldcomprehend.Answer{Classes: []types.DocumentClass{{Name: aws.String("breaking"), Score: aws.Float32(0.9)}}})
	out, err := api.BatchDetectSentiment(t.Context(), &comprehend.BatchDetectSentimentInput{TextList: []string{"x", "y"}, LanguageCode: types.LanguageCodeEn})
	if err != nil || out.ResultList[0].Sentiment != types.SentimentTypePositive || out.ResultList[1].Sentiment != types.SentimentTypeNeutral || *out.ResultList[0].SentimentScore.Positive < 0.9 {
		t.Errorf("out = %+v, %v", out, err)
	}
	classes, err := api.ClassifyDocument(t.Context(), &comprehend.ClassifyDocumentInput{Text: aws.String("x"), EndpointArn: aws.String("arn:aws:comprehend:eu-west-1:123456789012:document-classifier-endpoint/e")})
	if err != nil || len(classes.Classes) != 1 || *classes.Classes[0].Name != "breaking" {
		t.Errorf("classes = %+v, %v", classes, err)
	}
	w.Comprehend().Script("", nil, worldcomprehend.Answer{Err: &types.TooManyRequestsException{Message: aws.String("slow down")}})
	_, err = api.DetectKeyPhrases(t.Context(), &comprehend.DetectKeyPhrasesInput{Text: aws.String("x"), LanguageCode: types.LanguageCodeEn})
	if _, ok := errors.AsType[*types.TooManyRequestsException](err); !ok {
		t.Errorf("error = %v", err)
	}
}
