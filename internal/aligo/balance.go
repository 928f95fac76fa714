package aligo

import "context"

// Balance says how many messages the wallet still pays for. The counts are the same money, expressed in each type.
type Balance struct {
	SMS, LMS, MMS int
	// AlimTalk is told by HeartInfo only, and not always: see AlimTalkKnown.
	AlimTalk      int
	AlimTalkKnown bool
}

// counts are the fields of a balance in either API.
type counts struct {
	SMS scalar `json:"SMS_CNT"`
	LMS scalar `json:"LMS_CNT"`
	MMS scalar `json:"MMS_CNT"`
	ALT scalar `json:"ALT_CNT"`
}

func (c counts) balance() Balance {
	return Balance{SMS: c.SMS.int(), LMS: c.LMS.int(), MMS: c.MMS.int(), AlimTalk: c.ALT.int(), AlimTalkKnown: c.ALT != ""}
}

// Remain calls POST /remain/: how many SMS, LMS and MMS the wallet still pays for. It is also the cheapest proof that
// the calling address and the credentials are right, which test mode does not check.
//
// https://smartsms.aligo.in/admin/api/spec.html
func (c *Client) Remain(ctx context.Context) (Balance, error) {
	ep := endpoint{path: "/remain/"}
	var answer counts
	if err := c.post(ctx, ep, smsForm, &answer); err != nil {
		return Balance{}, err
	}
	if answer.SMS == "" {
		return Balance{}, &Error{Class: ClassAmbiguous, Endpoint: ep.path, Status: 200, Message: "the answer has no counts"}
	}
	return answer.balance(), nil
}

// HeartInfo calls POST /akv10/heartinfo/: the same with AlimTalk. The vendor's table puts the counts beside the code,
// its example into "list"; both are read.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) HeartInfo(ctx context.Context) (Balance, error) {
	ep := endpoint{path: "/akv10/heartinfo/", kakao: true, one: true}
	var answer struct {
		counts
		List *counts `json:"list"`
	}
	if err := c.post(ctx, ep, kakaoForm, &answer); err != nil {
		return Balance{}, err
	}
	found := answer.counts
	if answer.List != nil {
		found = *answer.List
	}
	if found.SMS == "" && found.ALT == "" {
		return Balance{}, &Error{Class: ClassAmbiguous, Endpoint: ep.path, Status: 200, Message: "the answer has no counts"}
	}
	return found.balance(), nil
}
