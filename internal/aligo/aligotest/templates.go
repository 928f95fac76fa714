package aligotest

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// template is an AlimTalk template of a channel.
type template struct {
	senderKey, code, name, content string
	// kind is BA, EX, AD or MI; emphasis NONE, TEXT or IMAGE.
	kind, emphasis  string
	title, subtitle string
	imageName       string
	extra, advert   string
	buttons         []Button
	// review is REG, REQ, APR or REJ; status S, A or R.
	review, status string
	created        string
	comments       []string
}

func (t *template) approved() bool { return t.review == "APR" && t.status != "S" }

// shop is the made-up shop's channel.
func shop() profile {
	return profile{senderKey: SenderKey, uuid: ChannelName, name: "마실상점", category: "00100010001", created: "2026-01-05 10:00:00"}
}

// approvedTemplates are the shop's templates, the last of them not approved yet.
func approvedTemplates() []*template {
	lines := func(all ...string) string { return strings.Join(all, "\r\n") }
	all := []*template{
		{code: "TX_1234", name: "주문 접수", status: "A", content: lines(
			"[마실상점] 주문이 접수되었습니다.", "", "#{고객명}님, 주문해 주셔서 감사합니다.", "", "■ 주문번호: #{주문번호}", "",
			"상품이 준비되는 대로 발송 소식을 알려 드리겠습니다.")},
		{code: "TX_2345", name: "배송 출발", status: "A", content: lines(
			"[마실상점] 상품이 출발했습니다.", "", "#{고객명}님, 주문하신 상품을 오늘 보내 드렸습니다.", "", "■ 송장번호: #{송장번호}", "",
			"아래 버튼에서 배송 상황을 보실 수 있습니다."),
			buttons: []Button{{
				Name: "배송 조회", Type: "WL", TypeName: "웹링크",
				Mobile: "https://masil.example/parcels/#{송장번호}", PC: "https://masil.example/parcels/#{송장번호}",
			}}},
		{code: "TX_3456", name: "본인 확인", status: "R", content: lines(
			"[마실상점] 인증번호는 #{인증번호}입니다.", "3분 안에 입력해 주세요. 다른 사람에게 알려 주지 마세요.")},
		{code: "TX_4567", name: "방문 예약", status: "A", emphasis: "TEXT", title: "#{예약일시}", subtitle: "방문 예약 확정", content: lines(
			"#{고객명}님, 방문 예약이 확정되었습니다.", "", "■ 일시: #{예약일시}", "■ 장소: #{장소}", "", "변경이나 취소는 하루 전까지 부탁드립니다.")},
		{code: "TX_9999", name: "재입고 안내", status: "R", review: "REQ", content: lines(
			"[마실상점] #{고객명}님, 기다리시던 #{상품명} 상품이 다시 들어왔습니다.")},
	}
	for _, t := range all {
		t.senderKey, t.kind, t.created = SenderKey, "BA", "2026-01-05 10:00:00"
		t.emphasis = orElse(t.emphasis, "NONE")
		t.review = orElse(t.review, "APR")
	}
	return all
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (s *Standin) findTemplate(senderKey, code string) *template {
	for _, t := range s.templates {
		if t.senderKey == senderKey && t.code == code {
			return t
		}
	}
	return nil
}

// fits compares a message with the template as Kakao does: equal outside of the placeholders, buttons included.
func (t *template) fits(r row) bool {
	title := ""
	if t.emphasis == "TEXT" {
		title = t.title
	}
	if !like(t.content, r.text) || !like(title, r.emphasisTitle) || len(t.buttons) != len(r.buttons) {
		return false
	}
	for i, want := range t.buttons {
		got := r.buttons[i]
		if !like(want.Name, got.Name) || want.Type != got.Type || !like(want.Mobile, got.Mobile) || !like(want.PC, got.PC) ||
			!like(want.IOS, got.IOS) || !like(want.Android, got.Android) {
			return false
		}
	}
	return true
}

// like tells whether a text is a pattern with something in place of its placeholders.
func like(pattern, text string) bool {
	literal, rest, ok := cutPlaceholder(pattern)
	if !ok {
		return pattern == text
	}
	text, ok = strings.CutPrefix(text, literal)
	for ok {
		var more bool
		if literal, rest, more = cutPlaceholder(rest); !more {
			return strings.HasSuffix(text, literal)
		}
		// The first place where a literal stands leaves the most for what follows.
		_, text, ok = strings.Cut(text, literal)
	}
	return false
}

// cutPlaceholder cuts a pattern around its first placeholder; ok tells whether it has one.
func cutPlaceholder(pattern string) (before, after string, ok bool) {
	for at := 0; ; {
		begin := strings.Index(pattern[at:], "#{")
		if begin < 0 {
			return pattern, "", false
		}
		begin += at
		end := strings.IndexAny(pattern[begin+2:], "{}")
		if end < 0 {
			return pattern, "", false
		}
		if end += begin + 2; pattern[end] == '}' {
			return pattern[:begin], pattern[end+1:], true
		}
		at = begin + 2
	}
}

// row is the template as the vendor lists it.
func (t *template) row() object {
	var buttons, comments []object
	for i, b := range t.buttons {
		buttons = append(buttons, object{
			{"ordering", fmt.Sprint(i + 1)}, {"name", b.Name}, {"linkType", b.Type}, {"linkTypeName", b.TypeName},
			{"linkMo", b.Mobile}, {"linkPc", b.PC}, {"linkIos", b.IOS}, {"linkAnd", b.Android},
		})
	}
	for _, c := range t.comments {
		comments = append(comments, object{{"content", c}})
	}
	image := ""
	if t.imageName != "" {
		image = "https://images.masil.example/" + t.imageName
	}
	return object{
		{"senderKey", t.senderKey}, {"templtContent", t.content}, {"templtName", t.name}, {"templtCode", t.code}, {"templateType", t.kind},
		{"templateEmType", t.emphasis}, {"templtTitle", t.title}, {"templtSubtitle", t.subtitle}, {"templtImageName", t.imageName},
		{"templtImageUrl", image}, {"status", t.status}, {"inspStatus", t.review}, {"cdate", t.created}, {"comments", comments},
		{"buttons", buttons},
	}
}

// channel checks the sender key of a template call. The wording for an unknown one is the stand-in's own.
func (s *Standin) channel(req *request) (string, object) {
	key := req.get("senderkey")
	switch {
	case key == "":
		return "", refuse(req, 0, -99, textSenderKey)
	case !s.knows(key):
		return "", refuse(req, 0, -99, "등록되지 않은 발신 프로파일 키 입니다.")
	}
	return key, nil
}

func (s *Standin) templateList(req *request) object {
	key, refusal := s.channel(req)
	if refusal != nil {
		return refusal
	}
	counts := map[string]int{}
	rows := []object{}
	for _, t := range s.templates {
		if t.senderKey == key && (req.get("tpl_code") == "" || req.get("tpl_code") == t.code) {
			rows = append(rows, t.row())
			counts[t.review]++
		}
	}
	if req.fault.Kind == FaultEmptyList {
		rows, counts = []object{}, nil
	}
	return object{{"code", 0}, {"message", textCalled}, {"list", rows}, {"info", object{
		{"REG", counts["REG"]}, {"REQ", counts["REQ"]}, {"APR", counts["APR"]}, {"REJ", counts["REJ"]},
	}}}
}

func (s *Standin) templateAdd(req *request) object {
	key, refusal := s.channel(req)
	if refusal != nil {
		return refusal
	}
	t := &template{senderKey: key, code: fmt.Sprintf("UK_%04d", s.nextTemplate), review: "REG", status: "R", created: stamp(req.now)}
	if refusal := t.write(req); refusal != nil {
		return refusal
	}
	s.nextTemplate++
	s.templates = append(s.templates, t)
	return object{{"code", 0}, {"message", "정상적으로 템플릿을 생성하였습니다."}, {"data", t.row()}}
}

func (s *Standin) templateModify(req *request) object {
	t, refusal := s.named(req)
	switch {
	case refusal != nil:
		return refusal
	case t.status != "R" || t.review != "REG" && t.review != "REJ":
		return refuse(req, 0, 509, textEditable)
	}
	if refusal := t.write(req); refusal != nil {
		return refusal
	}
	return object{{"code", 0}, {"message", "정상적으로 템플릿을 수정하였습니다."}, {"data", t.row()}}
}

// write takes over what add and modify send.
func (t *template) write(req *request) object {
	content := req.form.Get("tpl_content")
	kind, emphasis := orElse(req.get("tpl_type"), "BA"), orElse(req.get("tpl_emtype"), "NONE")
	buttons := readButtons(req.get("tpl_button"))
	switch {
	case req.get("tpl_name") == "":
		return missing(req, "템플릿 이름", "tpl_name")
	case content == "" || utf8.RuneCountInString(content) > 1000:
		return missing(req, "템플릿 내용", "tpl_content")
	case !slices.Contains([]string{"BA", "EX", "AD", "MI"}, kind):
		return missing(req, "템플릿 유형", "tpl_type")
	case (kind == "AD" || kind == "MI") && req.get("tpl_advert") == "":
		return missing(req, "수신동의 요청", "tpl_advert")
	case !slices.Contains([]string{"NONE", "TEXT", "IMAGE"}, emphasis):
		return missing(req, "강조 유형", "tpl_emtype")
	case emphasis == "IMAGE" && req.images == 0:
		return missing(req, "이미지", "image")
	case req.get("tpl_button") != "" && len(buttons) == 0 || len(buttons) > 5:
		return missing(req, "버튼", "tpl_button")
	}
	t.name, t.content, t.kind, t.emphasis = req.get("tpl_name"), content, kind, emphasis
	t.title, t.subtitle, t.extra, t.advert = req.get("tpl_title"), req.get("tpl_stitle"), req.get("tpl_extra"), req.get("tpl_advert")
	t.buttons, t.imageName = buttons, ""
	if req.images > 0 {
		t.imageName = t.code + ".png"
	}
	return nil
}

// named finds the template that a call is about. The wording for an unknown one is the stand-in's own.
func (s *Standin) named(req *request) (*template, object) {
	key, refusal := s.channel(req)
	if refusal != nil {
		return nil, refusal
	}
	if req.get("tpl_code") == "" {
		return nil, missing(req, "템플릿 코드", "tpl_code")
	}
	t := s.findTemplate(key, req.get("tpl_code"))
	if t == nil {
		return nil, refuse(req, 0, 509, "존재하지 않는 템플릿입니다.")
	}
	return t, nil
}

func (s *Standin) templateDelete(req *request) object {
	t, refusal := s.named(req)
	switch {
	case refusal != nil:
		return refusal
	case t.review == "APR" || strings.HasPrefix(t.code, "D") || strings.HasPrefix(t.code, "P"):
		return refuse(req, 0, 509, "삭제 가능 상태가 아닙니다.")
	}
	s.templates = slices.DeleteFunc(s.templates, func(other *template) bool { return other == t })
	return object{{"code", 0}, {"message", "정상적으로 템플릿을 삭제 하였습니다."}}
}

func (s *Standin) templateRequest(req *request) object {
	t, refusal := s.named(req)
	switch {
	case refusal != nil:
		return refusal
	case t.review != "REG" && t.review != "REJ":
		return refuse(req, 0, 509, "검수요청 가능 상태가 아닙니다.")
	}
	t.review = "REQ"
	return object{{"code", 0}, {"message", "검수요청을 하였습니다."}}
}

// TemplateState changes what the vendor's reviewers and operators would.
type TemplateState struct {
	Code string `json:"code"`
	// InspStatus is REG, REQ, APR or REJ; empty leaves it.
	InspStatus string `json:"inspStatus"`
	// Status is S, A or R; empty leaves it.
	Status string `json:"status"`
	// Content is a new text; empty leaves it. A template that was approved stays so.
	Content string `json:"content"`
	// Comment is added to the reviewers' notes.
	Comment string `json:"comment"`
}

// SetTemplateState changes the state of one of the shop's templates. The error names what is wrong.
func (s *Standin) SetTemplateState(to TemplateState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.findTemplate(SenderKey, to.Code)
	switch {
	case t == nil:
		return fmt.Errorf("there is no template %q", to.Code)
	case !slices.Contains([]string{"", "REG", "REQ", "APR", "REJ"}, to.InspStatus):
		return errors.New("inspStatus is REG, REQ, APR or REJ")
	case !slices.Contains([]string{"", "S", "A", "R"}, to.Status):
		return errors.New("status is S, A or R")
	}
	t.review, t.status, t.content = orElse(to.InspStatus, t.review), orElse(to.Status, t.status), orElse(to.Content, t.content)
	if to.Comment != "" {
		t.comments = append(t.comments, to.Comment)
	}
	return nil
}

// profile is a KakaoTalk channel.
type profile struct {
	senderKey, uuid, name, category, created string
}

func (s *Standin) knows(senderKey string) bool {
	return slices.ContainsFunc(s.profiles, func(p profile) bool { return p.senderKey == senderKey })
}

func (p profile) row() object {
	return object{
		{"senderKey", p.senderKey}, {"license", ""}, {"catCode", p.category}, {"alimUseYn", true}, {"cdate", p.created}, {"name", p.name},
		{"profileStat", "A"}, {"licenseNum", ""}, {"udate", p.created}, {"uuid", p.uuid}, {"status", "A"},
	}
}

func (s *Standin) profileAuth(req *request) object {
	switch {
	case req.get("plusid") == "":
		return missing(req, "채널 아이디", "plusid")
	case req.get("phonenumber") == "":
		return missing(req, "휴대폰번호", "phonenumber")
	case number(req.get("phonenumber")) != AdminPhone:
		return refuse(req, 0, 509, textAdmin)
	}
	s.authRequested[req.get("plusid")] = true
	return object{{"code", 0}, {"message", textCalled}}
}

func (s *Standin) profileAdd(req *request) object {
	for _, field := range []struct{ name, key string }{
		{"채널 아이디", "plusid"}, {"인증번호", "authnum"}, {"휴대폰번호", "phonenumber"}, {"카테고리 코드", "categorycode"},
	} {
		if req.get(field.key) == "" {
			return missing(req, field.name, field.key)
		}
	}
	id := req.get("plusid")
	switch {
	case number(req.get("phonenumber")) != AdminPhone:
		return refuse(req, 0, 509, textAdmin)
	case !s.authRequested[id] || req.get("authnum") != AuthNumber:
		return refuse(req, 0, 509, "인증번호가 일치하지 않습니다.")
	}
	delete(s.authRequested, id)
	key := sha1.Sum([]byte(id))
	p := profile{
		senderKey: hex.EncodeToString(key[:]), uuid: id, name: strings.TrimPrefix(id, "@"), category: req.get("categorycode"),
		created: stamp(req.now),
	}
	if !s.knows(p.senderKey) {
		s.profiles = append(s.profiles, p)
	}
	return object{{"code", 0}, {"message", textCalled}, {"data", []object{p.row()}}}
}

func (s *Standin) profileList(req *request) object {
	rows := []object{}
	for _, p := range s.profiles {
		if id, key := req.get("plusid"), req.get("senderkey"); (id == "" || id == p.uuid) && (key == "" || key == p.senderKey) {
			rows = append(rows, p.row())
		}
	}
	return object{{"code", 0}, {"message", textCalled}, {"list", rows}}
}

func (s *Standin) category(*request) object {
	level := func(rows ...[3]string) []object {
		var all []object
		for _, r := range rows {
			all = append(all, object{{"parentCode", r[0]}, {"code", r[1]}, {"name", r[2]}})
		}
		return all
	}
	return object{{"code", 0}, {"message", textCalled}, {"data", object{
		{"firstBusinessType", level([3]string{"", "001", "건강"}, [3]string{"", "008", "쇼핑/유통"})},
		{"secondBusinessType", level([3]string{"001", "0010001", "병원"}, [3]string{"008", "0080001", "종합쇼핑몰"})},
		{"thirdBusinessType", level([3]string{"0010001", "00100010001", "종합병원"}, [3]string{"0080001", "00800010001", "온라인쇼핑몰"})},
	}}}
}
