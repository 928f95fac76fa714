#!/bin/sh
# The vendor's documented parameters with plain curl, as people try an API out: urlencoded and as a multipart form.
#
#   sh curl.sh <port of the recording proxy>
set -eu
port=$1
call() {
	path=$1
	shift
	curl --silent --show-error --fail --connect-to "::127.0.0.1:$port" "$@" "http://$path"
	echo
}
sms() {
	path=$1
	shift
	call "apis.aligo.in$path" --data-urlencode key=standin0api0key0000000000000000 --data-urlencode user_id=standin "$@"
}
kakao() {
	path=$1
	shift
	call "kakaoapi.aligo.in$path" --data-urlencode apikey=standin0api0key0000000000000000 --data-urlencode userid=standin "$@"
}
key=senderkey=5tand1n00000000000000000000000000000cafe
cr=$(printf '\r')
order="[마실상점] 주문이 접수되었습니다.$cr
$cr
홍길동님, 주문해 주셔서 감사합니다.$cr
$cr
■ 주문번호: A-17$cr
$cr
상품이 준비되는 대로 발송 소식을 알려 드리겠습니다."

sms /remain/
sms /send/ --data-urlencode sender=0212345678 --data-urlencode receiver=01012345678,01023456789 --data-urlencode 'msg=%고객명%님. API TEST SEND' \
	--data-urlencode msg_type=SMS --data-urlencode 'destination=01012345678|홍길동,01023456789|아무개' --data-urlencode testmode_yn=N
call apis.aligo.in/send/ -F key=standin0api0key0000000000000000 -F user_id=standin -F sender=0212345678 -F receiver=01012345678 \
	-F 'msg=사진입니다' -F msg_type=MMS -F title=제목 -F 'image1=@-;filename=a.gif;type=image/gif' <<GIF
GIF89a
GIF
sms /send/ --data-urlencode sender=0212345678 --data-urlencode receiver=01012345678 --data-urlencode msg=예약 --data-urlencode rdate=20261123 --data-urlencode rtime=1100
sms /send_mass/ --data-urlencode sender=0212345678 --data-urlencode rec_1=01012345678 --data-urlencode msg_1=하나 --data-urlencode rec_2=01012340004 \
	--data-urlencode msg_2=둘 --data-urlencode cnt=2 --data-urlencode msg_type=SMS
sms /list/ --data-urlencode page=1 --data-urlencode page_size=30 --data-urlencode start_date=20261123 --data-urlencode limit_day=7
sms /sms_list/ --data-urlencode mid=583009872 --data-urlencode page=1 --data-urlencode page_size=30
sms /cancel/ --data-urlencode mid=583009871
kakao /akv10/category/
kakao /akv10/profile/auth/ --data-urlencode plusid=@새가게 --data-urlencode phonenumber=01099990000
kakao /akv10/profile/add/ --data-urlencode plusid=@새가게 --data-urlencode authnum=123456 --data-urlencode phonenumber=01099990000 --data-urlencode categorycode=00800010001
kakao /akv10/profile/list/ --data-urlencode plusid=@새가게
kakao /akv10/template/list/ --data-urlencode $key
kakao /akv10/template/add/ --data-urlencode $key --data-urlencode tpl_name=새것 --data-urlencode 'tpl_content=#{이름}님' \
	--data-urlencode 'tpl_button={"button":[{"name":"채널추가","linkType":"AC","linkTypeName":"채널 추가"},{"name":"보기","linkType":"WL","linkTypeName":"웹링크","linkM":"https://masil.example/","linkP":"https://masil.example/"}]}'
kakao /akv10/template/modify/ --data-urlencode $key --data-urlencode tpl_code=UK_0001 --data-urlencode tpl_name=새것 --data-urlencode 'tpl_content=#{이름}님께'
kakao /akv10/template/request/ --data-urlencode $key --data-urlencode tpl_code=UK_0001
kakao /akv10/template/del/ --data-urlencode $key --data-urlencode tpl_code=UK_0001
kakao /akv10/alimtalk/send/ --data-urlencode $key --data-urlencode tpl_code=TX_1234 --data-urlencode sender=0212345678 --data-urlencode receiver_1=01012345678 \
	--data-urlencode recvname_1=홍길동 --data-urlencode subject_1=주문 --data-urlencode "message_1=$order" --data-urlencode failover=Y \
	--data-urlencode fsubject_1=주문 --data-urlencode fmessage_1=주문
kakao /akv10/alimtalk/send/ --data-urlencode $key --data-urlencode tpl_code=TX_1234 --data-urlencode sender=0212345678 --data-urlencode receiver_1=01012340001 \
	--data-urlencode subject_1=주문 --data-urlencode "message_1=$order" --data-urlencode senddate=20261123110000
kakao /akv10/history/list/ --data-urlencode page=1 --data-urlencode limit=50 --data-urlencode startdate=20261123 --data-urlencode enddate=20261123
kakao /akv10/history/detail/ --data-urlencode mid=1306113822 --data-urlencode page=1 --data-urlencode limit=50
kakao /akv10/heartinfo/
kakao /akv10/cancel/ --data-urlencode mid=1306113823
