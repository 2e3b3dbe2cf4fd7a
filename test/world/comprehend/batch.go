package comprehend

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscomprehend "github.com/aws/aws-sdk-go-v2/service/comprehend"
	"github.com/aws/aws-sdk-go-v2/service/comprehend/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// batch calls one for each text that is short enough; the others become errors.
func batch(texts []string, language *types.LanguageCode, one func(i int32, text string) error) ([]types.BatchItemError, error) {
	var v constraint.Violations
	v.Required("textList", texts != nil)
	if language != nil {
		v.Required("languageCode", *language != "")
		constraint.OneOf(&v, "languageCode", *language, types.LanguageCodeEn.Values())
	}
	if err := v.Err("ValidationException"); err != nil {
		return nil, err
	}
	if len(texts) > maxBatch {
		return nil, &types.BatchSizeLimitExceededException{Message: aws.String(fmt.Sprintf("The number of documents in the request exceeds the limit of %d. Try your request again with fewer documents.", maxBatch))}
	}
	failed := []types.BatchItemError{}
	for i, text := range texts {
		index := int32(i) //nolint:gosec // at most 25
		fail := func(code, message string) {
			failed = append(failed, types.BatchItemError{Index: &index, ErrorCode: &code, ErrorMessage: &message})
		}
		switch {
		case text == "":
			fail("VALIDATION_ERROR", "Text must not be empty.")
		case len(text) > maxSentiment:
			fail("TEXT_SIZE_LIMIT_EXCEEDED", sizeMessage(text, maxSentiment))
		default:
			if err := one(index, text); err != nil {
				info := wire.Describe(err)
				fail(info.Code, info.Message)
			}
		}
	}
	return failed, nil
}

// BatchDetectEntities is DetectEntities of up to 25 texts.
func (s *Service) BatchDetectEntities(_ *wire.Call, in *awscomprehend.BatchDetectEntitiesInput) (*awscomprehend.BatchDetectEntitiesOutput, error) {
	out := &awscomprehend.BatchDetectEntitiesOutput{ResultList: []types.BatchDetectEntitiesItemResult{}}
	var err error
	out.ErrorList, err = batch(in.TextList, &in.LanguageCode, func(i int32, text string) error {
		found, err := s.entities(text)
		if err == nil {
			out.ResultList = append(out.ResultList, types.BatchDetectEntitiesItemResult{Index: &i, Entities: found})
		}
		return err
	})
	return out, err
}

// BatchDetectKeyPhrases is DetectKeyPhrases of up to 25 texts.
func (s *Service) BatchDetectKeyPhrases(_ *wire.Call, in *awscomprehend.BatchDetectKeyPhrasesInput) (*awscomprehend.BatchDetectKeyPhrasesOutput, error) {
	out := &awscomprehend.BatchDetectKeyPhrasesOutput{ResultList: []types.BatchDetectKeyPhrasesItemResult{}}
	var err error
	out.ErrorList, err = batch(in.TextList, &in.LanguageCode, func(i int32, text string) error {
		found, err := s.phrases(text)
		if err == nil {
			out.ResultList = append(out.ResultList, types.BatchDetectKeyPhrasesItemResult{Index: &i, KeyPhrases: found})
		}
		return err
	})
	return out, err
}

// BatchDetectSentiment is DetectSentiment of up to 25 texts.
func (s *Service) BatchDetectSentiment(_ *wire.Call, in *awscomprehend.BatchDetectSentimentInput) (*awscomprehend.BatchDetectSentimentOutput, error) {
	out := &awscomprehend.BatchDetectSentimentOutput{ResultList: []types.BatchDetectSentimentItemResult{}}
	var err error
	out.ErrorList, err = batch(in.TextList, &in.LanguageCode, func(i int32, text string) error {
		kind, score, err := s.sentiment(text)
		if err == nil {
			out.ResultList = append(out.ResultList, types.BatchDetectSentimentItemResult{Index: &i, Sentiment: kind, SentimentScore: score})
		}
		return err
	})
	return out, err
}

// BatchDetectDominantLanguage is DetectDominantLanguage of up to 25 texts.
func (s *Service) BatchDetectDominantLanguage(_ *wire.Call, in *awscomprehend.BatchDetectDominantLanguageInput) (*awscomprehend.BatchDetectDominantLanguageOutput, error) {
	out := &awscomprehend.BatchDetectDominantLanguageOutput{ResultList: []types.BatchDetectDominantLanguageItemResult{}}
	var err error
	out.ErrorList, err = batch(in.TextList, nil, func(i int32, text string) error {
		found, err := s.languages(text)
		if err == nil {
			out.ResultList = append(out.ResultList, types.BatchDetectDominantLanguageItemResult{Index: &i, Languages: found})
		}
		return err
	})
	return out, err
}
