package upgrade

// apiKinds says what kind an error of the API is that has come as a code.
var apiKinds = map[Code]Kind{
	CodeInvalidRequest: KindAPIInvalid, CodePermissionDenied: KindAPIDenied, CodeNotFound: KindAPINotFound, CodeConflict: KindAPIConflict,
	CodeApproval: KindAPIApproval, CodePlanMismatch: KindPlanMismatch, CodeThrottled: KindAWSThrottled, CodeUnavailable: KindAPIUnavailable,
}

// APIError is an error of the approval API or the progress stream of which
// only the code and the texts travel between the two sides.
func APIError(code Code, op, field, message, remedy string) *Error {
	kind, known := apiKinds[code]
	if !known {
		kind = KindAPIUnreadable
	}
	return kind.Field(op, field, message, remedy)
}
