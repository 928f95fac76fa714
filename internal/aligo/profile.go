package aligo

import (
	"context"
	"strings"
	"time"
)

// Profile is a KakaoTalk channel as Aligo knows it (발신프로필).
type Profile struct {
	// SenderKey identifies the channel in every other call.
	SenderKey string
	// UUID is the channel's search name, with @.
	UUID, Name string
	// Status is A (normal), S (blocked) or D (deleted); ProfileStatus is A, C, B, E or D.
	Status, ProfileStatus string
	// Category is the code of the business, 11 digits; see Categories.
	Category string
	// AlimTalk says whether the channel may send AlimTalk.
	AlimTalk             bool
	License, LicenseNum  string
	CreatedAt, UpdatedAt time.Time
}

type profileRow struct {
	SenderKey   scalar `json:"senderKey"`
	UUID        scalar `json:"uuid"`
	Name        scalar `json:"name"`
	Status      scalar `json:"status"`
	ProfileStat scalar `json:"profileStat"`
	CatCode     scalar `json:"catCode"`
	AlimUseYn   scalar `json:"alimUseYn"`
	License     scalar `json:"license"`
	LicenseNum  scalar `json:"licenseNum"`
	CDate       scalar `json:"cdate"`
	UDate       scalar `json:"udate"`
}

func (r profileRow) profile() Profile {
	return Profile{
		SenderKey: string(r.SenderKey), UUID: string(r.UUID), Name: string(r.Name), Status: string(r.Status),
		ProfileStatus: string(r.ProfileStat),
		// The flag is a JSON boolean on the vendor's pages; Y and 1 are how its other fields say yes.
		Category: string(r.CatCode), AlimTalk: r.AlimUseYn == "true" || r.AlimUseYn == "Y" || r.AlimUseYn == "1",
		License: string(r.License), LicenseNum: string(r.LicenseNum), CreatedAt: r.CDate.time(), UpdatedAt: r.UDate.time(),
	}
}

func profiles(rows list[profileRow]) []Profile {
	all := make([]Profile, len(rows))
	for i, r := range rows {
		all[i] = r.profile()
	}
	return all
}

// RequestProfileAuth calls POST /akv10/profile/auth/: Kakao sends an authentication number to the KakaoTalk of the
// channel's administrator. channel is the search name with @, phone the administrator's number in digits.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) RequestProfileAuth(ctx context.Context, channel, phone string) error {
	ep := endpoint{path: "/akv10/profile/auth/", kakao: true}
	var p problems
	checkChannel(&p, channel, phone)
	if err := p.err(ep); err != nil {
		return err
	}
	return c.post(ctx, ep, func(creds Credentials) *form {
		f := kakaoForm(creds)
		f.add("plusid", channel)
		f.hide("phonenumber", phone)
		return f
	}, nil)
}

// NewProfile is what AddProfile registers.
type NewProfile struct {
	unlogged

	// Channel is the search name with @.
	Channel string
	// Phone is the administrator's number in digits.
	Phone string
	// AuthNumber is what RequestProfileAuth has sent to it.
	AuthNumber string
	// Category is a third-level code of Categories, 11 digits.
	Category string
}

// AddProfile calls POST /akv10/profile/add/ and returns the channels as registered, with their sender keys.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) AddProfile(ctx context.Context, n NewProfile) ([]Profile, error) {
	ep := endpoint{path: "/akv10/profile/add/", kakao: true}
	var p problems
	checkChannel(&p, n.Channel, n.Phone)
	if n.AuthNumber == "" {
		p.add("AuthNumber", "is missing")
	}
	if len(n.Category) != 11 || strings.Trim(n.Category, "0123456789") != "" {
		p.add("Category", "must be 11 digits")
	}
	if err := p.err(ep); err != nil {
		return nil, err
	}
	var answer struct {
		Data list[profileRow] `json:"data"`
	}
	err := c.post(ctx, ep, func(creds Credentials) *form {
		f := kakaoForm(creds)
		f.add("plusid", n.Channel)
		f.hide("authnum", n.AuthNumber)
		f.hide("phonenumber", n.Phone)
		f.add("categorycode", n.Category)
		return f
	}, &answer)
	if err != nil {
		return nil, err
	}
	return profiles(answer.Data), nil
}

func checkChannel(p *problems, channel, phone string) {
	if !strings.HasPrefix(channel, "@") {
		p.add("Channel", "must begin with @")
	}
	checkNumber(p, "Phone", phone)
}

// ProfileFilter selects channels; empty fields select all.
type ProfileFilter struct {
	// Channel is the search name with @.
	Channel   string
	SenderKey string
}

// Profiles calls POST /akv10/profile/list/.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) Profiles(ctx context.Context, filter ProfileFilter) ([]Profile, error) {
	var answer struct {
		List list[profileRow] `json:"list"`
	}
	err := c.post(ctx, endpoint{path: "/akv10/profile/list/", kakao: true}, func(creds Credentials) *form {
		f := kakaoForm(creds)
		f.addSet("plusid", filter.Channel)
		f.hideSet("senderkey", filter.SenderKey)
		return f
	}, &answer)
	if err != nil {
		return nil, err
	}
	return profiles(answer.List), nil
}

// Category is a kind of business. The code of the third level, 11 digits, is what AddProfile takes.
type Category struct {
	// Parent is the code one level up; empty on the first level.
	Parent, Code, Name string
}

// Categories are the three levels of kinds of business.
type Categories struct {
	First, Second, Third []Category
}

// Categories calls POST /akv10/category/.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) Categories(ctx context.Context) (Categories, error) {
	type row struct {
		Parent scalar `json:"parentCode"`
		Code   scalar `json:"code"`
		Name   scalar `json:"name"`
	}
	var answer struct {
		Data struct {
			First  list[row] `json:"firstBusinessType"`
			Second list[row] `json:"secondBusinessType"`
			Third  list[row] `json:"thirdBusinessType"`
		} `json:"data"`
	}
	if err := c.post(ctx, endpoint{path: "/akv10/category/", kakao: true}, kakaoForm, &answer); err != nil {
		return Categories{}, err
	}
	level := func(rows list[row]) []Category {
		all := make([]Category, len(rows))
		for i, r := range rows {
			all[i] = Category{Parent: string(r.Parent), Code: string(r.Code), Name: string(r.Name)}
		}
		return all
	}
	return Categories{First: level(answer.Data.First), Second: level(answer.Data.Second), Third: level(answer.Data.Third)}, nil
}
